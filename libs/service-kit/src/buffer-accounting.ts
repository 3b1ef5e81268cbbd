import { setFlagsFromString } from "node:v8";

/**
 * Lets V8 judge the memory of packed batches together with its heap, and let twice what is alive pass before a full
 * collection.
 *
 * By default V8 starts a full collection for every 64 MiB of new buffers, however small the heap: at 60,000 transactions
 * a second and some 2 KB of buffers for each that is two a second, with 10-40 ms of main-thread and as much helper time
 * each. Counted with the heap, buffers that live for one batch go with the cheap young collections (measured: 20,000
 * buffers of 85 kB, full collections 21 → 0, CPU 311 → 211 ms, resident 139 → 186 MiB). Letting more pass saves
 * collections and costs more in memory that is touched for the first time: with ten times, an analyzer of ERC-20
 * transfers grew to 1.4 GB and spent 4 µs of 9 per transaction in page faults. A large heap is still bounded by
 * `--max-old-space-size`.
 *
 * To be called before much is allocated.
 */
export function accountBuffersWithHeap(): void {
  setFlagsFromString("--external-memory-accounted-in-global-limit");
  setFlagsFromString("--heap-growing-percent=200");
}
