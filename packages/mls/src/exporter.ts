import type { Exporter } from "./engine.ts";
import { MlsError } from "./errors.ts";
import { deriveSecret, expandWithLabel } from "./labels.ts";
import type { Primitives } from "./provider.ts";

/** Takes over `secret`: `wipe` erases the very bytes. RFC 9420 section 8.5. */
export function createExporter(primitives: Primitives, secret: Uint8Array): Exporter {
  let wiped = false;
  return {
    async export(label, context, length) {
      if (wiped) throw new MlsError("MLS_EXPORTER_WIPED");
      const derived = await deriveSecret(primitives, secret, label);
      const contextHash = await primitives.hash(context);
      const exported = await expandWithLabel(primitives, derived, "exported", contextHash, length);
      derived.fill(0);
      return exported;
    },
    wipe() {
      wiped = true;
      secret.fill(0);
    },
  };
}
