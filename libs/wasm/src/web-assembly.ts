/** What is used of the engine's WebAssembly object; its types are otherwise part of the DOM library only. */

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  /** By pages of 64 KiB; `buffer` is another one then. Throws RangeError. */
  grow(pages: number): number;
}

export interface WasmModule {
  readonly wasmModule?: never;
}

interface Api {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: object,
  ) => { readonly exports: Record<string, unknown> };
  readonly Memory: new (limits: { initial: number; maximum?: number }) => WasmMemory;
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  compile(bytes: Uint8Array<ArrayBuffer>): Promise<WasmModule>;
}

export const wasmApi = (globalThis as unknown as { WebAssembly: Api }).WebAssembly;
