/** What the peers' functions read from their environment. */
const env = process.env

export const settings = {
  endpoint: env.PEER_ENDPOINT,
  secretId: env.PEER_SECRET_ID,
  secretKey: env.PEER_SECRET_KEY,
  subAppId: Number(env.PEER_SUB_APP_ID),
}
export const keySha256 = env.PEER_KEY_SHA256
/** Of the secret that holds the key, where the function reads it there. */
export const secretName = env.PEER_SECRET_NAME
