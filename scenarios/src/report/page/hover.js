"use strict";
// Shows what the lines say below the pointer.
const tip = document.getElementById("tip");
for (const plot of document.querySelectorAll("svg.plot")) {
  const places = plot.dataset.x.split(";");
  const lines = plot.dataset.y.split("\n").map((line) => line.split("|"));
  const [left, right] = [Number(plot.dataset.left), Number(plot.dataset.right)];
  const cursor = plot.querySelector(".cursor");
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * plot.viewBox.baseVal.width;
    const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
    const at = Math.round(share * (places.length - 1));
    cursor.setAttribute("d", `M${left + (at / (places.length - 1)) * (right - left)} 12V170`);
    tip.textContent = [places[at], ...lines.map(([name, values]) => `${name}: ${values.split(";")[at]}`)].join("\n");
    tip.style.display = "block";
    tip.style.left = `${Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY + 14}px`;
  });
  plot.addEventListener("pointerleave", () => {
    tip.style.display = "none";
    cursor.setAttribute("d", "");
  });
}
document.documentElement.dataset.plots = String(document.querySelectorAll("svg.plot").length);
