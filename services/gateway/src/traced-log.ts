/** The tx stream with a span for every message that goes into it, a trace of its own: until it is stored. */
import type { Tracing } from "@velarium/service-kit";
import type { LogStream } from "@velarium/streams";

/** The stream itself when tracing is off. */
export function tracedLog(stream: LogStream, tracing: Tracing): LogStream {
  if (!tracing.enabled) return stream;
  return {
    name: stream.name,
    append: (bytes) => tracedAppend(stream, bytes, tracing),
    appendExpecting: (bytes, lastSequence) => stream.appendExpecting(bytes, lastSequence),
    consume: (fromSequence, onMessage, onError) => stream.consume(fromSequence, onMessage, onError),
    info: () => stream.info(),
    trim: (belowSequence) => stream.trim(belowSequence),
  };
}

function tracedAppend(stream: LogStream, bytes: Uint8Array, tracing: Tracing): Promise<number> {
  const span = tracing.frameSpan("gateway.batch");
  if (!span.isRecording) return stream.append(bytes);
  span.setAttribute("bytes", bytes.length);
  const stored = stream.append(bytes);
  stored.then(
    (sequence) => {
      span.setAttribute("stream_seq", sequence);
      span.end();
    },
    (error: unknown) => {
      span.fail(error);
      span.end();
    },
  );
  return stored;
}
