// Runs before anything is painted, so that the chosen theme does not flash.
(function () {
  try {
    var theme = localStorage.getItem('tenantseal-theme')
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
  } catch { /* Storage is forbidden: the system's theme it is. */ }
})()
