/** Messages of the frames stream that are decoded and not taken yet, in order. */
import { decode, type Message } from "@velarium/columns";
import { BlockClose, BlockOpen, Frame } from "@velarium/wire";
import { SchedulerError } from "./error.ts";
import type { FrameWatch, SchedulerEffects } from "./options.ts";
import type { FrameMessage } from "./placed.ts";

export type FramesMessage =
  | { readonly kind: "open"; readonly message: Message<typeof BlockOpen> }
  | { readonly kind: "frame"; readonly message: FrameMessage; readonly watch: FrameWatch | undefined }
  | { readonly kind: "close"; readonly message: Message<typeof BlockClose> };

/** Messages that are taken stay in front until there are so many of them. */
const TAKEN_LIMIT = 1024;

export class Backlog {
  private readonly messages: FramesMessage[] = [];
  private taken = 0;

  get length(): number {
    return this.messages.length - this.taken;
  }

  push(message: FramesMessage): void {
    this.messages.push(message);
  }

  /** Hands out messages as long as `take` says that it has dealt with the one it got. */
  drain(take: (message: FramesMessage) => boolean): void {
    const { messages } = this;
    while (this.taken < messages.length && take(messages[this.taken]!)) this.taken++;
    if (this.taken === messages.length || this.taken > TAKEN_LIMIT) {
      messages.splice(0, this.taken);
      this.taken = 0;
    }
  }
}

/** Throws SchedulerError `unexpected-message` for what is no message of the stream, ColumnError for a broken one. */
export function decodeFramesMessage(
  id: number,
  bytes: Uint8Array,
  watchFrame: SchedulerEffects["watchFrame"],
): FramesMessage {
  if (id === Frame.id) {
    const message = decode(Frame, bytes);
    const { trace, block, frame, shapes } = message;
    const watch = watchFrame?.(trace, block, frame, shapes.length);
    return { kind: "frame", message: watch ? { ...message, trace: watch.trace } : message, watch };
  }
  if (id === BlockOpen.id) return { kind: "open", message: decode(BlockOpen, bytes) };
  if (id === BlockClose.id) return { kind: "close", message: decode(BlockClose, bytes) };
  throw new SchedulerError("unexpected-message", `schema ${id} in the frames stream`);
}
