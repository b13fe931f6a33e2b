"use strict";
// Tables sort by a click on a head; lists can be filtered. The page is complete without it.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (head.dataset.sort === undefined) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const body = table.tBodies[0];
      const numeric = head.dataset.sort === "n";
      const before = head.getAttribute("aria-sort");
      const down = before ? before === "ascending" : numeric;
      const value = (row) => {
        const cell = row.cells[column];
        if (!numeric) return cell.textContent;
        const number = parseFloat(cell.dataset.v ?? cell.textContent);
        return Number.isNaN(number) ? -Infinity : number;
      };
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        const order = numeric ? x - y || 0 : x.localeCompare(y);
        return down ? -order : order;
      });
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      body.append(...rows);
    });
  });
}
for (const label of document.querySelectorAll("label.filter")) {
  const items = [...document.getElementById(label.dataset.list).children];
  if (items.length < 2) continue;
  label.hidden = false;
  label.querySelector("input").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const item of items) item.hidden = !item.textContent.toLowerCase().includes(wanted);
  });
}
