/** Transient storage (EIP-1153) of one execution, with undo. */
export class TransientWords {
  private readonly words = new Map<string, bigint>();
  private readonly undone: { readonly key: string; readonly before: bigint }[] = [];

  /** Where `rewind` leads back to. */
  get mark(): number {
    return this.undone.length;
  }

  read(owner: bigint, slot: bigint): bigint {
    return this.words.get(`${owner}/${slot}`) ?? 0n;
  }

  write(owner: bigint, slot: bigint, word: bigint): void {
    const key = `${owner}/${slot}`;
    this.undone.push({ key, before: this.words.get(key) ?? 0n });
    this.words.set(key, word);
  }

  rewind(mark: number): void {
    while (this.undone.length > mark) {
      const { key, before } = this.undone.pop()!;
      this.words.set(key, before);
    }
  }
}
