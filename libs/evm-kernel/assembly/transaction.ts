// A whole transaction, step by step: admission, authorizations, the outermost frame, settlement. Each step first makes
// known what it needs and only then changes anything, so that it can be begun again after a miss.
import { admit, start } from "./admission";
import { applyAuthorizations } from "./authorizations";
import { CONTINUE } from "./calls";
import {
  phase, PHASE_AUTHORIZATIONS, PHASE_DONE, PHASE_LAUNCH, PHASE_SENDER, PHASE_SETTLE, PHASE_START, setPhase,
} from "./execution";
import { launch } from "./launch";
import { RUN_DONE } from "./layout";
import { settle } from "./settlement";
import { traceFlush } from "./tracing";

/** The transaction's next step, while no frame is there: CONTINUE, or a RUN_*. */
export function advance(): i32 {
  switch (phase) {
    case PHASE_START:
      return start();
    case PHASE_SENDER:
      return admit();
    case PHASE_AUTHORIZATIONS: {
      const status = applyAuthorizations();
      if (status == CONTINUE) setPhase(PHASE_LAUNCH);
      return status;
    }
    case PHASE_LAUNCH:
      return launch();
    case PHASE_SETTLE: {
      const status = settle();
      if (status == CONTINUE) {
        if (TRACED) traceFlush();
        setPhase(PHASE_DONE);
        return RUN_DONE;
      }
      return status;
    }
    default:
      return RUN_DONE;
  }
}
