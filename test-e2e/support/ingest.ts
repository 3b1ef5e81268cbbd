/** Batches of transactions over `Ingest.Submit`, with the verdict on each; what is acknowledged is named by its arrival. */
import { BytesVector, decode, encode, type Message } from "@velarium/columns";
import { dial, type PackedStream, type RpcConnection, type RpcError } from "@velarium/rpc";
import { arrivalOf, IngestAck, TxBatch } from "@velarium/wire";

export interface Submission {
  /** 0 or a Reason per transaction. */
  readonly verdicts: number[];
  /** Arrival per transaction; -1 where it was refused. */
  readonly arrivals: number[];
}

export class IngestClient {
  /** Arrivals of everything acknowledged so far. */
  readonly acknowledged: number[] = [];
  private readonly connection: RpcConnection;
  private readonly stream: PackedStream;
  private readonly waiting = new Map<number, (ack: Message<typeof IngestAck>) => void>();
  private readonly ended: Promise<RpcError | undefined>;
  private batch = 1;

  private constructor(connection: RpcConnection) {
    this.connection = connection;
    this.stream = connection.openStream("Ingest", "Submit");
    this.ended = new Promise((resolve) => this.stream.onClose(resolve));
    this.stream.onMessage((bytes) => {
      const ack = decode(IngestAck, bytes);
      this.waiting.get(ack.batch)?.(ack);
      this.waiting.delete(ack.batch);
    });
  }

  static async connect(address: string): Promise<IngestClient> {
    return new IngestClient(await dial(address));
  }

  /** `columns` replaces columns of the batch, for batches that are wrong in themselves. */
  async submit(
    transactions: readonly Uint8Array[],
    columns: Partial<Message<typeof TxBatch>> = {},
  ): Promise<Submission> {
    const raw = new BytesVector();
    for (const tx of transactions) raw.push(tx);
    const count = transactions.length;
    const batch = this.batch++;
    const acknowledged = new Promise<Message<typeof IngestAck>>((resolve) =>
      this.waiting.set(batch, resolve),
    );
    this.sendBytes(
      encode(TxBatch, {
        batch,
        receivedMs: Date.now(),
        verified: new Uint8Array(count),
        raw: raw.view(),
        senders: new Uint8Array(count * 20),
        hashes: new Uint8Array(count * 32),
        ...columns,
      }),
    );
    const lost = this.ended.then((error): never => {
      throw error ?? new Error("the ingest stream has ended");
    });
    const ack = await Promise.race([acknowledged, lost]);
    const verdicts = [...ack.verdicts];
    let index = 0;
    const arrivals = verdicts.map((verdict) => (verdict === 0 ? arrivalOf(ack.streamSeq, index++) : -1));
    this.acknowledged.push(...arrivals.filter((arrival) => arrival >= 0));
    return { verdicts, arrivals };
  }

  sendBytes(bytes: Uint8Array): void {
    this.stream.send(bytes);
  }

  /** How the stream has ended. */
  get end(): Promise<RpcError | undefined> {
    return this.ended;
  }

  close(): void {
    this.stream.close();
    this.connection.close();
  }
}
