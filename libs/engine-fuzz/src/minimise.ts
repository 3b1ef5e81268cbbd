/** Makes a failing case smaller while it keeps failing in the same field. */
import { bytesOf, type CaseAccount, type CaseTransaction, type FuzzCase, hexOf } from "./fuzz-case.ts";

/** Whether a case still fails in the way that is looked for. */
export type StillFails = (candidate: FuzzCase) => Promise<boolean>;

/** Runs of both engines that one minimisation may take. */
const MAX_TRIES = 1_500;
const JUMPDEST = 0x5b;

class Minimiser {
  current: FuzzCase;
  private readonly stillFails: StillFails;
  private tries = 0;

  constructor(start: FuzzCase, stillFails: StillFails) {
    this.current = start;
    this.stillFails = stillFails;
  }

  get isTired(): boolean {
    return this.tries >= MAX_TRIES;
  }

  /** Keeps the candidate when it fails too. */
  private async accept(candidate: FuzzCase): Promise<boolean> {
    if (this.isTired) return false;
    this.tries++;
    if (!(await this.stillFails(candidate))) return false;
    this.current = candidate;
    return true;
  }

  private withAccount(index: number, change: (account: CaseAccount) => CaseAccount): FuzzCase {
    const accounts = this.current.accounts.map((account, i) => (i === index ? change(account) : account));
    return { ...this.current, accounts };
  }

  private withTransaction(index: number, change: (tx: CaseTransaction) => CaseTransaction): FuzzCase {
    const transactions = this.current.transactions.map((tx, i) => (i === index ? change(tx) : tx));
    return { ...this.current, transactions };
  }

  async dropWholes(): Promise<void> {
    for (let i = this.current.transactions.length - 1; i >= 0 && this.current.transactions.length > 1; i--)
      await this.accept({
        ...this.current,
        transactions: this.current.transactions.filter((_, at) => at !== i),
      });
    for (let i = this.current.accounts.length - 1; i >= 0; i--)
      await this.accept({ ...this.current, accounts: this.current.accounts.filter((_, at) => at !== i) });
  }

  async simplifyTransactions(): Promise<void> {
    for (let i = 0; i < this.current.transactions.length; i++) {
      const {
        accessList: _list,
        authorizations: _auth,
        blobVersionedHashes: _blobs,
        ...plain
      } = this.current.transactions[i]!;
      await this.accept(
        this.withTransaction(i, () => ({ ...plain, type: 0, maxPriorityFeePerGas: plain.maxFeePerGas })),
      );
      await this.accept(this.withTransaction(i, ({ accessList: _gone, ...tx }) => tx));
      await this.accept(this.withTransaction(i, (tx) => ({ ...tx, value: "0x0" })));
      await this.accept(this.withTransaction(i, (tx) => ({ ...tx, gasLimit: 1_000_000 })));
      await this.shrinkBytes(
        () => bytesOf(this.current.transactions[i]!.data),
        (data) => this.withTransaction(i, (tx) => ({ ...tx, data: hexOf(data) })),
      );
    }
  }

  async simplifyAccounts(): Promise<void> {
    for (let i = 0; i < this.current.accounts.length; i++) {
      await this.accept(this.withAccount(i, (account) => ({ ...account, storage: {} })));
      for (const key of Object.keys(this.current.accounts[i]!.storage))
        await this.accept(
          this.withAccount(i, (account) => {
            const { [key]: _gone, ...storage } = account.storage;
            return { ...account, storage };
          }),
        );
      await this.shrinkBytes(
        () => bytesOf(this.current.accounts[i]!.code),
        (code) => this.withAccount(i, (account) => ({ ...account, code: hexOf(code) })),
      );
    }
  }

  /** Cuts ranges out, large ones first; where a cut would move a jump's target, it is filled with JUMPDEST instead. */
  private async shrinkBytes(read: () => Uint8Array, put: (bytes: Uint8Array) => FuzzCase): Promise<void> {
    if (read().length === 0 || (await this.accept(put(new Uint8Array(0))))) return;
    for (let size = read().length >> 1; size >= 1 && !this.isTired; size >>= 1) {
      for (let at = 0; at < read().length && !this.isTired; ) {
        const bytes = read();
        const end = Math.min(at + size, bytes.length);
        const cut = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(end)]);
        if (await this.accept(put(cut))) continue;
        if (bytes.subarray(at, end).some((byte) => byte !== JUMPDEST))
          await this.accept(put(bytes.slice().fill(JUMPDEST, at, end)));
        at = end;
      }
    }
  }
}

export async function minimise(start: FuzzCase, stillFails: StillFails): Promise<FuzzCase> {
  const minimiser = new Minimiser(start, stillFails);
  for (let before = ""; before !== JSON.stringify(minimiser.current) && !minimiser.isTired; ) {
    before = JSON.stringify(minimiser.current);
    await minimiser.dropWholes();
    await minimiser.simplifyTransactions();
    await minimiser.simplifyAccounts();
  }
  return minimiser.current;
}
