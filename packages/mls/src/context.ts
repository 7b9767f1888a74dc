import {
  CONVERSATION_EXTENSION,
  decodeConversationTerms,
  encodeConversationTerms,
  equalBytes,
  ProtocolError,
  type ConversationTerms,
} from "@portcullis/protocol";
import { encodeRequiredCapabilities, type Extension } from "ts-mls";
import type { GroupContext } from "ts-mls/groupContext.js";
import { MlsError } from "./errors.ts";
import { CIPHER_SUITE } from "./provider.ts";

const REQUIRED_CAPABILITIES = "required_capabilities";

const REQUIRED = encodeRequiredCapabilities({
  extensionTypes: [CONVERSATION_EXTENSION],
  proposalTypes: [],
  credentialTypes: ["basic"],
});

/** The extensions of a conversation's GroupContext, from creation to end. */
export function contextExtensions(terms: ConversationTerms): Extension[] {
  return [
    { extensionType: REQUIRED_CAPABILITIES, extensionData: REQUIRED },
    { extensionType: CONVERSATION_EXTENSION, extensionData: encodeConversationTerms(terms) },
  ];
}

/**
 * The terms that the GroupContext states, once each, with the requirement that members know them, and nothing else.
 * @throws MlsError MLS_CIPHER_SUITE, MLS_TERMS_MISSING, MLS_CONTEXT_FORBIDDEN
 */
export function readTerms(context: GroupContext): ConversationTerms {
  if (context.version !== "mls10" || context.cipherSuite !== CIPHER_SUITE)
    throw new MlsError("MLS_CIPHER_SUITE", { cipherSuite: context.cipherSuite });
  const terms = context.extensions.filter((extension) => extension.extensionType === CONVERSATION_EXTENSION);
  const required = context.extensions.filter(
    (extension) => extension.extensionType === REQUIRED_CAPABILITIES,
  );
  const [only] = terms;
  if (only === undefined || !required.some(isTermsRequired)) throw new MlsError("MLS_TERMS_MISSING");
  if (terms.length + required.length !== context.extensions.length || terms.length > 1 || required.length > 1)
    throw new MlsError("MLS_CONTEXT_FORBIDDEN", {
      extensions: context.extensions.map(({ extensionType }) => extensionType),
    });
  try {
    return decodeConversationTerms(only.extensionData);
  } catch (error) {
    if (error instanceof ProtocolError) throw new MlsError("MLS_TERMS_MISSING", { reason: error.code });
    throw error;
  }
}

function isTermsRequired(extension: Extension): boolean {
  return equalBytes(extension.extensionData, REQUIRED);
}
