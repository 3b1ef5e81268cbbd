/** A binary heap of positions (places in dispatch order, which is seq order): the lowest comes out first. */
export class PositionHeap {
  private items = new Float64Array(1024);
  length = 0;

  push(position: number): void {
    if (this.length === this.items.length) {
      const grown = new Float64Array(this.items.length * 2);
      grown.set(this.items);
      this.items = grown;
    }
    const { items } = this;
    let at = this.length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (items[parent]! <= position) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = position;
  }

  /** The lowest position; −1 when there is none. */
  pop(): number {
    if (this.length === 0) return -1;
    const { items } = this;
    const lowest = items[0]!;
    const last = items[--this.length]!;
    const count = this.length;
    let at = 0;
    for (let child = 1; child < count; child = 2 * at + 1) {
      if (child + 1 < count && items[child + 1]! < items[child]!) child++;
      if (items[child]! >= last) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return lowest;
  }
}
