/** Stands in for the package `ws` in the browser, which is never asked for. */
export const WebSocket = undefined
