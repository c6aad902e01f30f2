/* Every visible text of the page that has less contrast than WCAG 2.2 asks for (1.4.3, AA): its words and its ratio. */
() => {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (channels(color)[3] !== 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const ratio = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const words = texts.currentNode.textContent.trim();
    if (!words || !element.checkVisibility()) continue;
    const contrast = ratio(getComputedStyle(element).color, ground(element));
    if (contrast < 4.5) faint.push([words, contrast]);
  }
  const placeholder = getComputedStyle(document.getElementById("words"), "::placeholder").color;
  if (ratio(placeholder, ground(document.getElementById("words"))) < 4.5) faint.push(["placeholder", placeholder]);
  return faint;
}
