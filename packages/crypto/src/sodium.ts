import sodium from "libsodium-wrappers-sumo";

// Waited for once, here, so that everything built on it is synchronous. Whoever imports `sodium` imports it from here.
await sodium.ready;

export { sodium };
