/**
 * Runs one core after another: an epoch each. Connections outlive epochs; what a core needs of them at its beginning
 * (hellos, shard states) is given to each anew.
 */
import type { Link, PackedStream } from "@velarium/rpc";
import {
  createSchedulerCore,
  type FrameWatch,
  type SchedulerCore,
  type SchedulerOptions,
  type SchedulerStats,
} from "@velarium/scheduler-core";
import { type Logger, type Tracing, traceparentToBytes } from "@velarium/service-kit";
import type { Consumption, LogStream } from "@velarium/streams";

interface Executor {
  readonly stream: PackedStream;
  readonly hello: Uint8Array;
  /** In the core that runs now. */
  index: number;
}

export interface EpochsOptions {
  readonly core: Omit<SchedulerOptions, "lastEpoch">;
  readonly log: Logger;
  readonly notice: (bytes: Uint8Array) => void;
  readonly tracing: Tracing;
  /** Whether an epoch runs has changed. */
  readonly onRunning: (running: boolean) => void;
  /** The service cannot go on. */
  readonly onFatal: (error: unknown) => void;
}

/** Time between completion marks to executors. */
const TICK_MS = 5;
const DRAIN_POLL_MS = 20;

export class Epochs {
  epochsLost = 0;
  private core: SchedulerCore;
  private readonly options: EpochsOptions;
  private readonly executors = new Set<Executor>();
  private byIndex: Executor[] = [];
  private shards: readonly Link[] = [];
  private framer: Link | undefined;
  private frames: LogStream | undefined;
  private consumption: Consumption | undefined;
  private paused = false;
  private stopping = false;
  private wasRunning = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(options: EpochsOptions) {
    this.options = options;
    this.core = this.createCore(0);
  }

  /** The links' events are to be passed to the methods below. */
  connect(shards: readonly Link[], framer: Link): void {
    this.shards = shards;
    this.framer = framer;
  }

  start(frames: LogStream): void {
    this.frames = frames;
    this.consume();
    this.timer = setInterval(() => this.core.tick(), TICK_MS);
  }

  stats(): SchedulerStats {
    return this.core.stats();
  }

  shardOpened(shard: number): void {
    this.options.log.info({ shard }, "shard connected");
  }

  shardMessage(shard: number, bytes: Uint8Array): void {
    this.guard(() => this.core.onShard(shard, bytes));
  }

  shardLost(shard: number): void {
    this.guard(() => this.core.shardLeft(shard));
  }

  framerOpened(): void {
    this.guard(() => this.core.framerConnected());
  }

  framerMessage(bytes: Uint8Array): void {
    this.guard(() => this.core.onFramer(bytes));
  }

  framerLost(): void {
    this.guard(() => this.core.framerLeft());
  }

  /** Handler of Scheduler.Execute. */
  execute(stream: PackedStream): void {
    let executor: Executor | undefined;
    stream.onClose(() => {
      if (!executor) return;
      const { index } = executor;
      this.executors.delete(executor);
      this.options.log.info({ executor: index, peer: stream.peer }, "executor left");
      this.guard(() => this.core.executorLeft(index));
    });
    stream.onMessage((bytes) => {
      if (executor) {
        const { index } = executor;
        this.guard(() => this.core.onExecutor(index, bytes));
        return;
      }
      executor = { stream, hello: bytes.slice(), index: -1 };
      this.executors.add(executor);
      const joined = executor;
      this.guard(() => this.join(joined));
    });
  }

  /** Lets what is in flight complete; takes no more frames. */
  async drain(): Promise<void> {
    this.stopping = true;
    this.consumption?.stop();
    const idle = (): boolean => {
      const stats = this.core.stats();
      return stats.phase !== "running" || stats.executors.every((e) => e.inFlight === 0);
    };
    while (!idle()) await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
  }

  stop(): void {
    this.stopping = true;
    this.consumption?.stop();
    clearInterval(this.timer);
  }

  private join(executor: Executor): void {
    executor.index = this.core.fleet.count;
    this.byIndex[executor.index] = executor;
    this.core.joinExecutor(executor.hello);
    this.options.log.info({ executor: executor.index, peer: executor.stream.peer }, "executor joined");
  }

  private createCore(lastEpoch: number): SchedulerCore {
    const core: SchedulerCore = createSchedulerCore(
      { ...this.options.core, lastEpoch },
      {
        toExecutor: (index, bytes) => this.sendTo(this.byIndex[index], bytes),
        toShard: (index, bytes) => this.shards[index]!.give(bytes),
        toFramer: (bytes) => this.framer!.send(bytes),
        notice: this.options.notice,
        ...(this.options.tracing.enabled ? { watchFrame: this.watchFrame.bind(this) } : {}),
        epochLost: (reason) => {
          this.epochsLost++;
          this.options.log.warn({ epoch: core.epoch, reason }, "epoch lost");
          // Not from inside the core that is lost.
          if (!this.stopping) setImmediate(() => this.nextEpoch(core));
        },
      },
    );
    return core;
  }

  /** One span per frame: from its receipt until it and all before it are complete. */
  private watchFrame(
    trace: Uint8Array,
    block: number,
    frame: number,
    transactions: number,
  ): FrameWatch | undefined {
    const span = this.options.tracing.frameSpan("scheduler.frame", trace);
    if (!span.isRecording) return undefined;
    const received = performance.now();
    span.setAttribute("block", block);
    span.setAttribute("frame", frame);
    span.setAttribute("transactions", transactions);
    return {
      trace: traceparentToBytes(span.traceparent),
      dispatched: () => span.setAttribute("dispatched_after_ms", performance.now() - received),
      completed: () => span.end(),
    };
  }

  private nextEpoch(lost: SchedulerCore): void {
    if (this.stopping || this.core !== lost) return;
    this.byIndex = [];
    this.core = this.createCore(lost.greatestEpoch);
    this.guard(() => {
      if (this.framer!.isOpen) this.core.framerConnected();
      for (const executor of this.executors) this.join(executor);
      this.shards.forEach((link, shard) => {
        if (link.isOpen) this.core.askShard(shard);
      });
      this.consume();
    });
  }

  private consume(): void {
    this.consumption?.stop();
    this.paused = false;
    const core = this.core;
    this.consumption = this.frames!.consume(
      1,
      (_sequence, bytes) => {
        if (core === this.core) this.guard(() => core.onFrames(bytes));
      },
      (error) => this.options.onFatal(error),
    );
  }

  private sendTo(executor: Executor | undefined, bytes: Uint8Array): void {
    if (!executor || executor.stream.isClosed) return; // its end is reported apart
    executor.stream.give(bytes);
  }

  /** Runs an input of the core, then does what has to follow: reading on or not, and telling who watches. */
  private guard(input: () => void): void {
    if (this.stopping && !this.wasRunning) return;
    try {
      input();
    } catch (error) {
      this.options.onFatal(error);
      return;
    }
    const running = this.core.phase === "running";
    if (running !== this.wasRunning) {
      this.wasRunning = running;
      if (running)
        this.options.log.info({ epoch: this.core.epoch, height: this.core.height }, "epoch begins");
      this.options.onRunning(running);
    }
    const wanted = this.core.wantsFrames;
    if (wanted !== this.paused || !this.consumption) return;
    this.paused = !wanted;
    if (wanted) this.consumption.resume();
    else this.consumption.pause();
  }
}
