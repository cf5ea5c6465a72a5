// A keyring for the AWS Encryption SDK for JavaScript whose data keys come from Tenantseal.
import {
  EncryptedDataKey, KeyringNode, KeyringTraceFlag, needs,
} from '@aws-crypto/client-node'

const PROVIDER = 'tenantseal'

// The SDK wants a key in memory of its own, not in node's shared pool.
const isolated = base64 => new Uint8Array(Buffer.from(base64, 'base64'))

export class TenantsealKeyring extends KeyringNode {
  constructor ({ server, apiKey, tenantId }) {
    super()
    Object.assign(this, { server, apiKey, tenantId })
  }

  async post (path, body) {
    const answer = await fetch(`${this.server}/api/v1/encryption/data-keys${path}`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.apiKey}`, 'Content-Type': 'application/json' },
      body: JSON.stringify(body)
    })
    const json = await answer.json()
    if (!answer.ok) throw new Error(json.errors[0].detail ?? json.errors[0].title)
    return json
  }

  trace (keyName, flags) {
    return { keyNamespace: PROVIDER, keyName, flags }
  }

  async _onEncrypt (material) {
    needs(!material.hasUnencryptedDataKey, 'This keyring makes its own data keys.')
    const key = await this.post('', { managed: false, encryptionContext: material.encryptionContext })
    material.setUnencryptedDataKey(isolated(key.plaintext),
      this.trace(this.tenantId, KeyringTraceFlag.WRAPPING_KEY_GENERATED_DATA_KEY))
    return material.addEncryptedDataKey(new EncryptedDataKey({
      providerId: PROVIDER, providerInfo: this.tenantId, encryptedDataKey: Buffer.from(key.wrappedKey)
    }), KeyringTraceFlag.WRAPPING_KEY_ENCRYPTED_DATA_KEY)
  }

  async _onDecrypt (material, encryptedDataKeys) {
    const own = encryptedDataKeys.find(k => k.providerId === PROVIDER && k.providerInfo === this.tenantId)
    if (!own) return material
    const key = await this.post('/actions/unwrap', {
      wrappedKey: Buffer.from(own.encryptedDataKey).toString(), encryptionContext: material.encryptionContext
    })
    return material.setUnencryptedDataKey(isolated(key.plaintext),
      this.trace(this.tenantId, KeyringTraceFlag.WRAPPING_KEY_DECRYPTED_DATA_KEY))
  }
}
