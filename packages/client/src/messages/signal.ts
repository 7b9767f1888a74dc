import {
  aeadOpenPrefixed,
  aeadSealAtRandom,
  CryptoError,
  sign,
  verifySignature,
  type SigningKey,
} from "@portcullis/crypto";
import type { LeafIdentity } from "@portcullis/mls";
import {
  decodeCbor,
  encodeCbor,
  FieldReader,
  ProtocolError,
  type AccountId,
  type ConversationId,
  type DeviceId,
  type Random,
} from "@portcullis/protocol";

const SIGNAL = "portcullis/signal/v1";
const what = "signal";

/** What is said in passing, and kept by nobody. */
export interface Signal {
  readonly isTyping: boolean;
  readonly sentAtMs: number;
}

/** Where and by whom. */
export interface SignalSetting {
  readonly conversationId: ConversationId;
  readonly epoch: number;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  /** The epoch's, of all its members; 32 bytes. */
  readonly key: Uint8Array;
}

/** Sealed for the members of the epoch, signed by the device. All signals of an epoch are of one length. */
export function sealSignal(
  signal: Signal,
  setting: SignalSetting,
  signer: SigningKey,
  random: Random,
): Uint8Array {
  const { isTyping, sentAtMs } = signal;
  const said = [isTyping ? 1 : 0, sentAtMs];
  const signature = sign(signer, encodeCbor([...contextOf(setting), ...said]));
  return aeadSealAtRandom(
    setting.key,
    encodeCbor([...said, signature]),
    encodeCbor(contextOf(setting)),
    random,
  );
}

/** Undefined for what the device of this leaf has not said in this epoch. */
export function openSignal(
  sealed: Uint8Array,
  setting: SignalSetting,
  { signatureKey }: Pick<LeafIdentity, "signatureKey">,
): Signal | undefined {
  try {
    const opened = aeadOpenPrefixed(setting.key, sealed, encodeCbor(contextOf(setting)));
    const reader = new FieldReader(decodeCbor(opened, what), what, 3);
    const said = [reader.integer(0, 1), reader.integer()] as const;
    verifySignature(signatureKey, encodeCbor([...contextOf(setting), ...said]), reader.bytes(64));
    return { isTyping: said[0] === 1, sentAtMs: said[1] };
  } catch (error) {
    if (error instanceof CryptoError || error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function contextOf({ conversationId, epoch, accountId, deviceId }: SignalSetting) {
  return [SIGNAL, conversationId, epoch, accountId, deviceId] as const;
}
