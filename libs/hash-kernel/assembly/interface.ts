// Compiled into the kernel and imported by its host, so it holds nothing but constants.

/**
 * Raised with every change of what the exported functions take, need or give. A host with a kernel of another number
 * would hand it addresses that mean something else, which ends in memory faults or in wrong hashes.
 */
export const INTERFACE = 4;
