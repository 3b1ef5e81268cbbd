/**
 * The least of an OTLP collector: `TraceService/Export` over gRPC, on Node's own HTTP/2, with as much of protobuf as the
 * spans in question need (opentelemetry/proto/trace/v1/trace.proto).
 */
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";

export interface CollectedSpan {
  readonly service: string;
  readonly instance: string | undefined;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

const EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];
  private readonly server: Http2Server;

  private constructor(server: Http2Server) {
    this.server = server;
    server.on("stream", (stream, headers) => {
      if (headers[":path"] === EXPORT) this.take(stream);
      else
        stream.respond(
          { ":status": 200, "content-type": "application/grpc", "grpc-status": "12" },
          { endStream: true },
        );
    });
  }

  static async start(): Promise<OtlpCollector> {
    const server = createServer();
    const collector = new OtlpCollector(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private take(stream: ServerHttp2Stream): void {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      // One message: a byte that says whether it is compressed (not asked for), its length, and itself.
      this.spans.push(...spansOf(Buffer.concat(chunks).subarray(5)));
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(5));
    });
  }
}

type Field = Buffer | bigint;

/** Values of each field number of a protobuf message, in order. */
function fieldsOf(message: Buffer): Map<number, Field[]> {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const bytes = (length: number): Buffer => message.subarray(at, (at += length));
  while (at < message.length) {
    const tag = Number(varint());
    const wire = tag & 7;
    const value = wire === 0 ? varint() : bytes(wire === 1 ? 8 : wire === 5 ? 4 : Number(varint()));
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value]);
  }
  return fields;
}

const messages = (fields: Map<number, Field[]>, number: number) =>
  (fields.get(number) ?? []).map((field) => fieldsOf(field as Buffer));
const bytesOf = (fields: Map<number, Field[]>, number: number): Buffer =>
  (fields.get(number)?.[0] as Buffer) ?? Buffer.alloc(0);

function attributesOf(
  fields: Map<number, Field[]>,
  number: number,
): Record<string, string | number | boolean> {
  const entries = messages(fields, number).map((pair) => {
    const value = fieldsOf(bytesOf(pair, 2));
    const key = bytesOf(pair, 1).toString();
    if (value.has(1)) return [key, bytesOf(value, 1).toString()] as const;
    if (value.has(2)) return [key, value.get(2)![0] === 1n] as const;
    if (value.has(3)) return [key, Number(value.get(3)![0])] as const;
    return [key, bytesOf(value, 4).readDoubleLE()] as const;
  });
  return Object.fromEntries(entries);
}

function spansOf(request: Buffer): CollectedSpan[] {
  return messages(fieldsOf(request), 1).flatMap((resourceSpans) => {
    const resource = attributesOf(fieldsOf(bytesOf(resourceSpans, 1)), 1);
    return messages(resourceSpans, 2)
      .flatMap((scope) => messages(scope, 2))
      .map((span) => ({
        service: String(resource["service.name"]),
        instance: resource["service.instance.id"]?.toString(),
        name: bytesOf(span, 5).toString(),
        traceId: bytesOf(span, 1).toString("hex"),
        spanId: bytesOf(span, 2).toString("hex"),
        parentSpanId: bytesOf(span, 4).toString("hex"),
        startNs: bytesOf(span, 7).readBigUInt64LE(),
        endNs: bytesOf(span, 8).readBigUInt64LE(),
        attributes: attributesOf(span, 9),
      }));
  });
}
