/** The unary call by which observers ask a service for its engine's report. */
import { decode, encode } from "@velarium/columns";
import type { Engine } from "@velarium/engine";
import { EngineReportReply, EngineReportRequest } from "@velarium/wire";
import { type EngineReport, engineReport } from "./create-engine.ts";

/** Most codes in one report. */
const MAX_CODES = 1000;

export async function replyEngineReport(engine: Engine, request: Uint8Array): Promise<Uint8Array> {
  const { codes } = decode(EngineReportRequest, request);
  const report = engineReport(engine, Math.min(codes, MAX_CODES));
  return encode(EngineReportReply, { json: new TextEncoder().encode(JSON.stringify(report)) });
}

export const readEngineReport = (reply: Uint8Array): EngineReport =>
  JSON.parse(new TextDecoder().decode(decode(EngineReportReply, reply).json)) as EngineReport;
