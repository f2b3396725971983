// Narrows the list of features. Without it the whole list is there.
(() => {
  const form = document.getElementById("filter");
  const fields = ["entity", "group", "purpose", "live"];
  const features = [...document.querySelectorAll(".feature")];
  const none = document.getElementById("none");
  const narrow = () => {
    const words = form.elements.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of features) {
      const fits = fields.every((name) => !form.elements[name].value || one.dataset[name] === form.elements[name].value)
        && words.every((word) => one.dataset.text.includes(word));
      one.hidden = !fits;
      shown += fits;
    }
    for (const part of document.querySelectorAll(".group, .entity"))
      part.hidden = !part.querySelector(".feature:not([hidden])");
    none.hidden = shown > 0;
    form.elements.count.textContent = shown === features.length
      ? `${shown} features` : `${shown} of ${features.length} features`;
  };
  // A link to a feature that is filtered out shows it again.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.closest("[hidden]")) { form.reset(); narrow(); target.scrollIntoView(); }
  };
  form.hidden = false;
  form.addEventListener("input", narrow);
  form.addEventListener("reset", () => setTimeout(narrow));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", reveal);
  narrow();
})();
