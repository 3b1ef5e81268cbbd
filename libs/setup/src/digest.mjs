import { createHash } from "node:crypto";

/** SHA-256 (hex) over named contents, lengths included, and a text that belongs to them. */
export function digestOf(files, text = "") {
  const hash = createHash("sha256").update(`${text}\0`);
  for (const [name, content] of files) hash.update(`${name}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}
