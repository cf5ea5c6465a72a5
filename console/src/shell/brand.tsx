export function Brand () {
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="var(--accent-fill)" />
        <path d="M16 6.5a6.2 6.2 0 0 1 2.6 11.8l1.5 7.2h-8.2l1.5-7.2A6.2 6.2 0 0 1 16 6.5z" fill="#fff" />
      </svg>
      <span>Tenantseal</span>
    </span>
  )
}
