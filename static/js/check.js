// Once all is checked, the page shows what was found. live.js says when nothing moves any more.
document.getElementById("live")?.addEventListener("live:still", () => location.reload());
