import { rmSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as signal from "@signalapp/libsignal-client";
import { openConversation } from "../mls.ts";
import { ratesPerCpuSecond, type Operation } from "../rate.ts";

const PAYLOAD = new Uint8Array(100);
const NOTHING = new Uint8Array();

/** Keeps a state under its name; each `keep` is one durable transaction, as in the SDK's store. */
class States {
  readonly #database: DatabaseSync;
  readonly #put;
  readonly #get;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
    this.#database.exec(
      "CREATE TABLE states (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID",
    );
    this.#put = this.#database.prepare(
      "INSERT INTO states VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = excluded.bytes",
    );
    this.#get = this.#database.prepare("SELECT bytes FROM states WHERE name = ?");
  }

  keep(name: string, bytes: Uint8Array): void {
    this.#put.run(name, bytes);
  }

  find(name: string): Uint8Array | undefined {
    return (this.#get.get(name) as { bytes: Uint8Array } | undefined)?.bytes;
  }

  close(): void {
    this.#database.close();
  }
}

/**
 * A message of 100 bytes encrypted and decrypted, each state durable after each step: libsignal between two people in one
 * direction, against MLS in a group of 100. libsignal signs nothing; MLS signs and verifies each message.
 */
export async function benchLibsignal(print: (line: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const stores = ["signal-ann", "signal-bob", "mls-ann", "mls-bob"].map(
    (name) => new States(join(folder, name)),
  );
  const [signalAnn, signalBob, mlsAnn, mlsBob] = stores as [States, States, States, States];
  try {
    const oneToOne = await signalConversation(signalAnn, signalBob);
    const [sender, reader] = await openConversation(100);
    const inGroup = async (): Promise<void> => {
      const sent = await sender.group.protect(PAYLOAD, NOTHING);
      mlsAnn.keep(String(sent.ratchet.leafIndex), sent.ratchet.row);
      const taken = await reader.group.unprotect(sent.message);
      mlsBob.keep(String(taken.ratchet.leafIndex), taken.ratchet.row);
    };
    const rates = await ratesPerCpuSecond({ oneToOne, inGroup });
    print(`libsignal 1:1, encrypt + decrypt    ${rates.oneToOne.toFixed(0)} per CPU second`);
    print(
      `MLS @100, encrypt + decrypt         ${rates.inGroup.toFixed(0)} per CPU second, ` +
        `${(rates.oneToOne / rates.inGroup).toFixed(2)} times libsignal's CPU`,
    );
  } finally {
    for (const store of stores) store.close();
    rmSync(folder, { recursive: true });
  }
}

/** A person of libsignal: sessions in `States`, read and written at each message as its applications do. */
function person(states: States) {
  const key = signal.IdentityKeyPair.generate();
  const kept = <T>() => {
    const all = new Map<number, T>();
    return {
      save: async (id: number, record: T): Promise<void> => void all.set(id, record),
      get: async (id: number): Promise<T> => all.get(id) as T,
    };
  };
  const [once, signed, kyber] = [
    kept<signal.PreKeyRecord>(),
    kept<signal.SignedPreKeyRecord>(),
    kept<signal.KyberPreKeyRecord>(),
  ];
  class Sessions extends signal.SessionStore {
    override async saveSession(name: signal.ProtocolAddress, record: signal.SessionRecord): Promise<void> {
      states.keep(name.toString(), record.serialize());
    }
    override async getSession(name: signal.ProtocolAddress): Promise<signal.SessionRecord | null> {
      const bytes = states.find(name.toString());
      return bytes === undefined ? null : signal.SessionRecord.deserialize(new Uint8Array(bytes));
    }
    override async getExistingSessions(): Promise<signal.SessionRecord[]> {
      throw new Error("not used");
    }
  }
  class Identities extends signal.IdentityKeyStore {
    override getIdentityKey = async () => key.privateKey;
    override getLocalRegistrationId = async () => 1;
    override saveIdentity = async () => signal.IdentityChange.NewOrUnchanged;
    override isTrustedIdentity = async () => true;
    override getIdentity = async () => null;
  }
  class Once extends signal.PreKeyStore {
    override savePreKey = once.save;
    override getPreKey = once.get;
    override removePreKey = async () => undefined;
  }
  class Signed extends signal.SignedPreKeyStore {
    override saveSignedPreKey = signed.save;
    override getSignedPreKey = signed.get;
  }
  class Kyber extends signal.KyberPreKeyStore {
    override saveKyberPreKey = kyber.save;
    override getKyberPreKey = kyber.get;
    override markKyberPreKeyUsed = async () => undefined;
  }
  return {
    key,
    sessions: new Sessions(),
    identities: new Identities(),
    once: new Once(),
    signed: new Signed(),
    kyber: new Kyber(),
  };
}

async function signalConversation(annStates: States, bobStates: States): Promise<Operation> {
  const [ann, bob] = [person(annStates), person(bobStates)];
  const [annAt, bobAt] = [signal.ProtocolAddress.new("ann", 1), signal.ProtocolAddress.new("bob", 1)];
  const now = new Date();
  const [once, signed, kyber] = [
    signal.PrivateKey.generate(),
    signal.PrivateKey.generate(),
    signal.KEMKeyPair.generate(),
  ];
  const signedBy = bob.key.privateKey;
  const signature = signedBy.sign(signed.getPublicKey().serialize());
  const kyberSignature = signedBy.sign(kyber.getPublicKey().serialize());
  await bob.once.savePreKey(1, signal.PreKeyRecord.new(1, once.getPublicKey(), once));
  await bob.signed.saveSignedPreKey(
    1,
    signal.SignedPreKeyRecord.new(1, now.getTime(), signed.getPublicKey(), signed, signature),
  );
  await bob.kyber.saveKyberPreKey(1, signal.KyberPreKeyRecord.new(1, now.getTime(), kyber, kyberSignature));
  const bundle = signal.PreKeyBundle.new(
    1,
    1,
    1,
    once.getPublicKey(),
    1,
    signed.getPublicKey(),
    signature,
    bob.key.publicKey,
    1,
    kyber.getPublicKey(),
    kyberSignature,
  );
  await signal.processPreKeyBundle(bundle, bobAt, annAt, ann.sessions, ann.identities, now);
  const hello = await signal.signalEncrypt(PAYLOAD, bobAt, annAt, ann.sessions, ann.identities, now);
  const first = signal.PreKeySignalMessage.deserialize(hello.serialize());
  await signal.signalDecryptPreKey(
    first,
    annAt,
    bobAt,
    bob.sessions,
    bob.identities,
    bob.once,
    bob.signed,
    bob.kyber,
  );
  const reply = await signal.signalEncrypt(PAYLOAD, annAt, bobAt, bob.sessions, bob.identities, now);
  const answer = signal.SignalMessage.deserialize(reply.serialize());
  await signal.signalDecrypt(answer, bobAt, annAt, ann.sessions, ann.identities);
  return async () => {
    const sent = await signal.signalEncrypt(PAYLOAD, bobAt, annAt, ann.sessions, ann.identities, now);
    const taken = signal.SignalMessage.deserialize(sent.serialize());
    await signal.signalDecrypt(taken, annAt, bobAt, bob.sessions, bob.identities);
  };
}
