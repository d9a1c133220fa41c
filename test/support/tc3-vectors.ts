/**
 * Worked examples of TC3-HMAC-SHA256 with every intermediate value: three that Tencent publishes
 * (the current signature page masks its key with asterisks and computes with that mask), and the calls of
 * this bundle, computed by an independent implementation that reproduces the published ones.
 */
import type { Scope, SignableRequest } from '../../lib/tencent/tc3.ts'

export interface Vector {
  readonly name: string
  readonly secretId: string
  readonly secretKey: string
  readonly scope: Scope
  readonly request: SignableRequest
  readonly expected: {
    readonly payloadHash: string
    readonly canonicalRequest?: string
    readonly canonicalHash: string
    readonly dateKey: string
    readonly serviceKey: string
    readonly signingKey: string
    readonly signedHeaders: string
    readonly signature: string
  }
}

// The body holds literal backslash-u escapes.
const instanceBody =
  '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
const example = {
  secretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE',
  secretKey: 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE',
}
const json = 'application/json; charset=utf-8'
const vod = { service: 'vod', timestamp: 1767225600 }
const vodKeys = {
  dateKey: 'cddf017e185922e49e91c2293e3cec82220533139e8e0195db2ee0fccb30c7b8',
  serviceKey: 'bc305877fc5e34e19957851c3bae00ba78fb83555245ee5977fd1e0abc991cd2',
  signingKey: '4198519db386db0f4a7776c6eb508dd3651176a97ff32c9879143c3a468669bc',
}
const vodHost = 'vod.intl.tencentcloudapi.com'

export const vectors: readonly Vector[] = [
  {
    name: 'published: POST with two signed headers',
    ...example,
    scope: { service: 'cvm', timestamp: 1551113065 },
    request: {
      method: 'POST',
      headers: { 'Content-Type': json, Host: 'cvm.tencentcloudapi.com' },
      body: instanceBody,
    },
    expected: {
      payloadHash: '35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064',
      canonicalRequest:
        'POST\n/\n\ncontent-type:application/json; charset=utf-8\nhost:cvm.tencentcloudapi.com\n\n' +
        'content-type;host\n35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064',
      canonicalHash: '5ffe6a04c0664d6b969fab9a13bdab201d63ee709638e2749d62a09ca18d7031',
      dateKey: 'd1308c81fe71cfd4e06437bbc067b2b8a3d2d8c0e375d547f15c41d5214b395a',
      serviceKey: '3c7cb7c7795393edc14fd2e0e6434a518564b4504b88e94f5d11bf59ba3e7050',
      signingKey: 'ac658d5dde49e9bfdd14e04e062f66b05d9f637d44b8a8d845327d4a77f666b1',
      signedHeaders: 'content-type;host',
      signature: '72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168',
    },
  },
  {
    name: 'published: POST with the action signed, masked keys',
    secretId: `AKID${'*'.repeat(32)}`,
    secretKey: '*'.repeat(32),
    scope: { service: 'cvm', timestamp: 1551113065 },
    request: {
      method: 'POST',
      headers: { 'Content-Type': json, Host: 'cvm.tencentcloudapi.com', 'X-TC-Action': 'DescribeInstances' },
      body: instanceBody,
    },
    expected: {
      payloadHash: '35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064',
      canonicalHash: '7019a55be8395899b900fb5564e4200d984910f34794a27cb3fb7d10ff6a1e84',
      dateKey: 'da98fb70dcf6b112dc21038d1eeeb3a95c74b4dcb12c1131f864f6066bd02be0',
      serviceKey: '8d70cbefb03939f929db64d32dc2ba89b1095620119fe3e050e2b18c5bd2752f',
      signingKey: 'b596b923aad85185e2d1f6659d2a062e0a86731226e021e61bfe06f7ed05f5af',
      signedHeaders: 'content-type;host;x-tc-action',
      signature: '10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f',
    },
  },
  {
    name: 'published: GET with a query',
    ...example,
    scope: { service: 'cvm', timestamp: 1539084154 },
    request: {
      method: 'GET',
      query: 'Limit=10&Offset=0',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded', Host: 'cvm.tencentcloudapi.com' },
      body: '',
    },
    expected: {
      payloadHash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      canonicalHash: '91c9c192c14460df6c1ffc69e34e6c5e90708de2a6d282cccf957dbf1aa7f3a7',
      dateKey: 'e476728ff6d7bacfa7847b3d3d6d3a9e6f536992367701d4533354ca7b5d0fa5',
      serviceKey: '6e3d6d4854b8adc273db620fefefebecb11004f335f9991439eba3c231030714',
      signingKey: '39c4cf287fdff993dc407e649450ae4a0f1e1fd75aedb08d8160e47372e9b62d',
      signedHeaders: 'content-type;host',
      signature: '5da7a33f6993f0614b047e5df4582db9e9bf4672ba50567dba16c6ccf174c474',
    },
  },
  {
    name: 'DescribeAigcApiTokens of one application',
    ...example,
    scope: vod,
    request: {
      method: 'POST',
      headers: { 'Content-Type': json, Host: vodHost, 'X-TC-Action': 'DescribeAigcApiTokens' },
      body: '{"SubAppId":251006666}',
    },
    expected: {
      payloadHash: 'f2a01636413de20162352117e4c45e19800b0366a55e018b5c21cdaf72379845',
      canonicalHash: '6a373075e4a743c46a8f7dc3a670df0ee8f6d3912370f895686be8d502d08e4f',
      ...vodKeys,
      signedHeaders: 'content-type;host;x-tc-action',
      signature: '70e3be3c50d46cc328189089a4ef2602aabd500b4b2bfffc00fce2ec5a236356',
    },
  },
  {
    name: 'DescribeAigcApiTokens without an application',
    ...example,
    scope: vod,
    request: {
      method: 'POST',
      headers: { 'Content-Type': json, Host: vodHost, 'X-TC-Action': 'DescribeAigcApiTokens' },
      body: '{}',
    },
    expected: {
      payloadHash: '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
      canonicalHash: 'fa67bb3b6670d41bd13ee67bcb53fa9a8d7a92e678d0e9856a3b54d238b57888',
      ...vodKeys,
      signedHeaders: 'content-type;host;x-tc-action',
      signature: '0b623fbbf9179c60edde69839fe5171253a243e8ea5bfe38bf6249a734742221',
    },
  },
  {
    name: 'DescribeAigcApiTokens signed as the official SDKs do',
    ...example,
    scope: vod,
    request: {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Host: vodHost },
      body: '{"SubAppId":251006666}',
    },
    expected: {
      payloadHash: 'f2a01636413de20162352117e4c45e19800b0366a55e018b5c21cdaf72379845',
      canonicalHash: 'cbf46a7adf569af13fdb0e81046a21b0fb0d54cad1ed20f229f9c6aaf7ceeacc',
      ...vodKeys,
      signedHeaders: 'content-type;host',
      signature: 'a45b3fb34469d5e6af6bdc92581f3e12989c74472c21c12b779894ec075ab9f4',
    },
  },
]
