import type { Clock, Random } from "@portcullis/protocol";
import type { Store } from "@portcullis/store";
import type { ConversationCache } from "./delivery/conversation-state.ts";
import type { Dispatcher } from "./delivery/dispatcher.ts";
import type { GroupCommit } from "./delivery/group-commit.ts";
import type { OriginLog } from "./ledger/origin-log.ts";
import type { PolicyState } from "./policy-state.ts";
import type { ServerKeys } from "./server-keys.ts";
import type { Sessions } from "./sessions.ts";

/** What the routes work with. */
export interface ServerContext {
  readonly provider: string;
  /** Verifier keys of the witnesses, as lines. */
  readonly witnesses: readonly string[];
  readonly store: Store;
  readonly keys: ServerKeys;
  readonly policy: PolicyState;
  readonly sessions: Sessions;
  readonly conversations: ConversationCache;
  readonly commits: GroupCommit;
  readonly dispatcher: Dispatcher;
  readonly accessLog: OriginLog;
  readonly identityLog: OriginLog;
  /** The time by which messages and orders are judged. */
  readonly clock: Clock;
  readonly realClock: Clock;
  readonly random: Random;
}
