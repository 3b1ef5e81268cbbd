/** Which analyzer works on which residue class of the `tx` stream; dealt anew whenever one comes or goes. */
import { decode, encode, schemaIdOf } from "@velarium/columns";
import type { Framer } from "@velarium/framer-core";
import type { PackedStream } from "@velarium/rpc";
import { Analyzed, Assignment } from "@velarium/wire";

/** The bound is raised in steps, so that it does not cost a message per batch. */
const STEP_MESSAGES = 16;

export class AnalyzerClasses {
  private readonly framer: Framer;
  private readonly peers: PackedStream[] = [];
  private term = 0;
  private from = 0;
  private sentThrough = 0;

  constructor(framer: Framer) {
    this.framer = framer;
  }

  get count(): number {
    return this.peers.length;
  }

  accept(peer: PackedStream): void {
    peer.onClose(() => {
      const at = this.peers.indexOf(peer);
      if (at < 0) return;
      this.peers.splice(at, 1);
      this.deal();
    });
    this.peers.push(peer);
    this.deal();
    peer.onMessage((bytes) => {
      if (schemaIdOf(bytes) !== Analyzed.id) return;
      const message = decode(Analyzed, bytes);
      // Of an older dealing: its stream seq is analysed again by whoever has it now.
      if (message.term !== this.term) return;
      this.framer.analyzed(message);
      if (this.framer.throughStreamSeq - this.sentThrough >= STEP_MESSAGES) this.raise();
    });
  }

  private deal(): void {
    this.term++;
    this.from = this.framer.nextStreamSeq;
    this.send();
  }

  /** Tells analyzers when they may go further. */
  raise(): void {
    if (this.framer.throughStreamSeq > this.sentThrough) this.send();
  }

  private send(): void {
    const modulus = this.peers.length;
    this.sentThrough = this.framer.throughStreamSeq;
    this.peers.forEach((peer, remainder) => {
      if (peer.isClosed) return;
      peer.send(
        encode(Assignment, {
          term: this.term,
          modulus,
          remainder,
          fromStreamSeq: this.from,
          throughStreamSeq: this.sentThrough,
        }),
      );
    });
  }
}
