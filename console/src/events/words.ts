// "com.qlik.v1.encryption.keyprovider-migration.finished" is "keyprovider-migration finished".
export function shortType (type: string): string {
  const parts = type.split('.')
  return parts.length < 3 ? type : parts.slice(-2).join(' ')
}
