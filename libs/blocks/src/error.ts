/**
 * - `header` a header that is not canonical, or a shape no fork has
 * - `columns` columns of a block that do not belong together
 * - `logs` packed logs that are not an RLP list of [address, topics, data]
 * - `stripe` stripes that are damaged, missing or of different records
 * - `chunk` a chunk that contradicts the earlier ones, or is too large
 * - `export` a directory or file that is not what the manifest says
 * - `version` written by a format version this program does not read
 */
export type BlockErrorCode = "header" | "columns" | "logs" | "stripe" | "chunk" | "export" | "version";

export class BlockError extends Error {
  readonly code: BlockErrorCode;
  constructor(code: BlockErrorCode, message: string) {
    super(message);
    this.name = "BlockError";
    this.code = code;
  }
}
