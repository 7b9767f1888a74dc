import { PortcullisError } from "@portcullis/protocol";
import type { ClientConfig, Credential } from "ts-mls";
import { defaultKeyPackageEqualityConfig } from "ts-mls/keyPackageEqualityConfig.js";
import { defaultPaddingConfig } from "ts-mls/paddingConfig.js";
import type { LeafIdentity } from "./engine.ts";
import { MlsError, type MlsErrorCode } from "./errors.ts";
import { decodeCredential } from "./members.ts";
import { FORWARD_LIMIT } from "./secret-tree.ts";

/** 90 days ahead and one hour back, for clocks that differ. */
export const LIFETIME_SECONDS = 90 * 86_400;
export const LIFETIME_BACK_SECONDS = 3600;

/**
 * How ts-mls is told to behave. Its defaults accept every credential, keep skipped secrets, four old epochs (0 would
 * mean all of them) and do not look at lifetimes of KeyPackages that others add (MLS-03, MLS-13, MLS-21, MLS-30).
 */
export function createClientConfig(validateMember: (leaf: LeafIdentity) => Promise<void>): ClientConfig {
  return {
    keyRetentionConfig: {
      retainKeysForGenerations: 0,
      retainKeysForEpochs: 1,
      maximumForwardRatchetSteps: FORWARD_LIMIT,
    },
    lifetimeConfig: {
      maximumTotalLifetime: BigInt(LIFETIME_SECONDS + LIFETIME_BACK_SECONDS),
      validateLifetimeOnReceive: true,
    },
    keyPackageEqualityConfig: defaultKeyPackageEqualityConfig,
    paddingConfig: defaultPaddingConfig,
    authService: {
      async validateCredential(credential: Credential, signaturePublicKey: Uint8Array): Promise<boolean> {
        const leaf = decodeCredential(credential, signaturePublicKey);
        await validateMember(leaf).catch((error: unknown) => {
          throw new Refusal(error);
        });
        return true;
      },
    },
  };
}

/** Carries what `validateMember` threw through ts-mls. */
class Refusal extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super("the caller refused a member");
    this.thrown = thrown;
  }
}

/** Runs a step of ts-mls, and gives its errors a code of ours; our own errors, and what the caller threw, pass. */
export async function tsMls<T>(code: MlsErrorCode, step: () => Promise<T> | T): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof Refusal) throw error.thrown;
    if (error instanceof PortcullisError) throw error;
    throw new MlsError(code, { reason: error instanceof Error ? error.message : "unknown" });
  }
}
