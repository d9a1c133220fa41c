/** What Node itself costs. */
export async function handler(): Promise<null> {
  return null
}
