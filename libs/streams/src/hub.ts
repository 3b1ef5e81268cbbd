import type { PackedStream, RpcServiceHandlers } from "@velarium/rpc";
import {
  AckWriter,
  ClientOp,
  decodeClient,
  decodeConsume,
  encodeInfo,
  encodeNotice,
  encodeRecords,
  HubStatus,
} from "./hub-protocol.ts";

/** Per stream; appends beyond it are refused (`full`). */
export const DEFAULT_HUB_STREAM_BYTES = 512 * 1024 * 1024;
/** Records are joined into messages of about this size for a consumer. */
const CONSUME_MESSAGE_BYTES = 128 * 1024;

class Log {
  readonly messages: Uint8Array[] = [];
  first = 1;
  bytes = 0;
  readonly consumers = new Set<() => void>();
  get last(): number {
    return this.first + this.messages.length - 1;
  }
}

/**
 * The embedded replacement of JetStream: logs in the memory of one process, bounded in bytes, served over
 * gRPC. What it holds is gone when its process ends.
 */
export class StreamHub {
  readonly #logs = new Map<string, Log>();
  readonly #subscriptions = new Map<string, Set<PackedStream>>();
  readonly #maxStreamBytes: number;

  constructor(options: { readonly maxStreamBytes?: number } = {}) {
    this.#maxStreamBytes = options.maxStreamBytes ?? DEFAULT_HUB_STREAM_BYTES;
  }

  /** Hand this to `serveRpc`. */
  service(): RpcServiceHandlers {
    return {
      name: "StreamHub",
      streams: { Append: (peer) => this.#append(peer) },
      serverStreams: { Consume: (request, peer) => this.#consume(request, peer) },
      unary: {
        Info: (request) => {
          const log = this.#log(Buffer.from(request).toString("utf8"));
          return encodeInfo(log.first, log.last);
        },
      },
    };
  }

  #log(name: string): Log {
    let log = this.#logs.get(name);
    if (!log) this.#logs.set(name, (log = new Log()));
    return log;
  }

  #append(peer: PackedStream): void {
    // Acknowledgements of one turn of the event loop go out as one message.
    const acks = new AckWriter();
    let scheduled = false;
    const subjects = new Set<string>();
    const flush = (): void => {
      scheduled = false;
      if (!peer.isClosed) peer.send(acks.take());
    };
    const acknowledge = (id: number, status: number, sequence: number): void => {
      acks.add(id, status, sequence);
      if (scheduled) return;
      scheduled = true;
      setImmediate(flush);
    };
    peer.onClose(() => {
      for (const subject of subjects) this.#subscriptions.get(subject)?.delete(peer);
    });
    peer.onMessage((bytes) => {
      const m = decodeClient(bytes);
      if (m.op === ClientOp.append) {
        const log = this.#log(m.name);
        if (m.number >= 0 && m.number !== log.last) {
          acknowledge(m.id, HubStatus.mismatch, log.last);
        } else if (log.bytes + m.body.length > this.#maxStreamBytes) {
          acknowledge(m.id, HubStatus.full, log.last);
        } else {
          log.messages.push(m.body.slice());
          log.bytes += m.body.length;
          acknowledge(m.id, HubStatus.ok, log.last);
          for (const wake of log.consumers) wake();
        }
      } else if (m.op === ClientOp.trim) {
        this.#trim(this.#log(m.name), m.number);
        acknowledge(m.id, HubStatus.ok, 0);
      } else if (m.op === ClientOp.subscribe) {
        subjects.add(m.name);
        let peers = this.#subscriptions.get(m.name);
        if (!peers) this.#subscriptions.set(m.name, (peers = new Set()));
        peers.add(peer);
        acknowledge(m.id, HubStatus.ok, 0);
      } else if (m.op === ClientOp.unsubscribe) {
        subjects.delete(m.name);
        this.#subscriptions.get(m.name)?.delete(peer);
      } else if (m.op === ClientOp.publish) {
        const notice = encodeNotice(m.name, m.body);
        for (const other of this.#subscriptions.get(m.name) ?? []) {
          // Notices may be lost: a slow observer misses some rather than holding memory.
          if (!other.isClosed && !other.congested) other.send(notice);
        }
      }
    });
  }

  #trim(log: Log, below: number): void {
    const count = Math.min(Math.max(0, below - log.first), log.messages.length);
    for (const dropped of log.messages.splice(0, count)) log.bytes -= dropped.length;
    log.first += count;
  }

  #consume(request: Uint8Array, peer: PackedStream): void {
    const { name, from } = decodeConsume(request);
    const log = this.#log(name);
    let next = Math.max(from, 1);
    let scheduled = false;
    const pump = (): void => {
      scheduled = false;
      if (next < log.first) next = log.first;
      while (!peer.isClosed && !peer.congested && next <= log.last) {
        let end = next;
        let size = 0;
        while (end <= log.last && (size === 0 || size < CONSUME_MESSAGE_BYTES)) {
          size += log.messages[end - log.first]!.length;
          end++;
        }
        peer.send(encodeRecords(next, log.messages.slice(next - log.first, end - log.first)));
        next = end;
      }
    };
    const wake = (): void => {
      if (scheduled) return;
      scheduled = true;
      setImmediate(pump);
    };
    log.consumers.add(wake);
    peer.onDrain(wake);
    peer.onClose(() => log.consumers.delete(wake));
    wake();
  }
}
