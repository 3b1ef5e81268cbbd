/** The library's loader; its package describes only the wrappers around it. */
declare module "mcl-wasm/dist/mcl_c.js" {
  export default function createModule(options: {
    cryptoGetRandomValues(bytes: Uint8Array<ArrayBuffer>): void;
  }): Promise<object>;
}
