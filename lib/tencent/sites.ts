/** The two sites of Tencent Cloud, which know nothing of each other's accounts, keys and tokens. */

/** `intl` is tencentcloud.com, `cn` is cloud.tencent.com. */
export type Site = 'intl' | 'cn'

/** Where a site answers, `https://SERVICE.DOMAIN`, and the region to take where nothing else says one. */
export const sites: Readonly<Record<Site, { readonly domain: string; readonly region: string }>> = {
  intl: { domain: 'intl.tencentcloudapi.com', region: 'ap-singapore' },
  cn: { domain: 'tencentcloudapi.com', region: 'ap-guangzhou' },
}
