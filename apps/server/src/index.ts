export { ServerError, serverErrors, type ServerErrorCode } from "./errors.ts";
export { jsonLog, type Log } from "./log.ts";
export { prepareServer, type PreparedServer } from "./prepare-server.ts";
export { runServer, type Cosigner, type RunningServer, type ServerOptions } from "./run-server.ts";
