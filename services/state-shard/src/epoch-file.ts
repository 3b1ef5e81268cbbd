/** The greatest epoch this shard has taken part in, durable before it acts on it: the fence against an older scheduler. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

export class EpochFile {
  private readonly path: string | undefined;
  private value = 0;

  /** Without a directory it is kept in memory. @throws Error when the file is there and holds no epoch */
  constructor(directory: string | undefined) {
    this.path = directory === undefined ? undefined : join(directory, "epoch");
    if (this.path === undefined) return;
    let text: string;
    try {
      text = readFileSync(this.path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    this.value = Number(text);
    if (!Number.isInteger(this.value) || this.value < 0)
      throw new Error(`${this.path} holds no epoch: ${JSON.stringify(text)}`);
  }

  get epoch(): number {
    return this.value;
  }

  raise(epoch: number): void {
    if (epoch <= this.value) return;
    if (this.path !== undefined) {
      const file = openSync(`${this.path}.tmp`, "w");
      writeSync(file, String(epoch));
      fsyncSync(file);
      closeSync(file);
      renameSync(`${this.path}.tmp`, this.path);
      const directory = openSync(dirname(this.path), "r");
      fsyncSync(directory);
      closeSync(directory);
    }
    this.value = epoch;
  }
}
