(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const over = (colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => {
    const [r, g, b] = rgb
      .map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (
      !walker.currentNode.data.trim() ||
      !node.checkVisibility() ||
      node.closest("script, noscript, :disabled")
    )
      continue;
    const behind = [];
    for (let at = node; at; at = at.parentElement)
      behind.unshift(getComputedStyle(at).backgroundColor);
    const back = over(["white", ...behind]);
    const front = over(["white", ...behind, getComputedStyle(node).color]);
    const [high, low] = [light(back), light(front)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    seen += 1;
    if (ratio < 4.5)
      found.push(`${node.className} ${walker.currentNode.data.slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return { seen, found };
})();
