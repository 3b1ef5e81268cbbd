/** Before each suite: properties draw their cases from jest's seed (`--seed`), so that a run can be repeated. */
import { jest } from "@jest/globals";
import fc from "fast-check";

fc.configureGlobal({ seed: jest.getSeed() });
