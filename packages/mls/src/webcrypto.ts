import { getCiphersuiteFromName, getCiphersuiteImpl } from "ts-mls";
import { CIPHER_SUITE, type CryptoProvider } from "./provider.ts";

const suite = await getCiphersuiteImpl(getCiphersuiteFromName(CIPHER_SUITE));

/** Suite 0x0001 on WebCrypto, as ts-mls has it: for browsers. */
export const webCryptoProvider: CryptoProvider = {
  primitives: {
    hash: (data) => suite.hash.digest(data),
    expand: (key, info, length) => suite.kdf.expand(key, info, length),
    seal: (key, nonce, aad, plaintext) => suite.hpke.encryptAead(key, nonce, aad, plaintext),
    open: (key, nonce, aad, sealed) => suite.hpke.decryptAead(key, nonce, aad, sealed),
    sign: (seed, message) => suite.signature.sign(seed, message),
    isSignature: (publicKey, message, signature) => suite.signature.verify(publicKey, message, signature),
  },
  cipherSuite: (random) => ({ ...suite, rng: { randomBytes: random } }),
};
