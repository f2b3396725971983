// The only script of the page: a switch between light and dark. Without it the page follows the system.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const keep = {
    get() { try { return localStorage.getItem("floorwalker-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("floorwalker-theme", value); } catch { /* a file opened without storage */ } },
  };
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const say = () => { document.getElementById("theme-name").textContent = isDark() ? "Light" : "Dark"; };
  const asked = new URLSearchParams(location.search).get("theme") || keep.get();
  if (asked === "dark" || asked === "light") root.dataset.theme = asked;
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    keep.set(root.dataset.theme);
    say();
  });
  system.addEventListener("change", say);
  say();
})();
