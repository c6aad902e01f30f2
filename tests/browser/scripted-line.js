/* A line whose far end is a script: `line.talk(turns)` lets so many turns of a call happen, as fast as the page takes them. */
window.line = (() => {
  let socket = null;
  let turn = 0;

  window.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    bufferedAmount = 0;

    constructor() {
      socket = this;
      setTimeout(() => {
        this.readyState = 1;
        this.onopen();
      });
    }

    send(data) {
      if (typeof data !== "string" || !("codec" in JSON.parse(data))) return;
      const { codec, sample_rate } = JSON.parse(data);
      const engines = { stt: "a", llm: "b", tts: "c" };
      setTimeout(() => tell({ type: "ready", call_id: "scripted", codec, sample_rate, engines, answering: {} })); // never while one sends
    }

    close() {
      this.readyState = 3;
    }
  };

  const tell = (event) => socket.onmessage({ data: JSON.stringify(event) });
  const sound = () => socket.onmessage({ data: new Int16Array(4800).fill(1000).buffer });
  const breathe = () => new Promise((done) => setTimeout(done));
  const times = { endpoint_ms: 400, asr_ms: 90, llm_first_ms: 60, llm_ms: 300, tts_first_ms: 80, tts_ms: 200, e2e_ms: 650 };

  const oneTurn = async () => {
    turn += 1;
    const here = { turn, reply: turn, at: turn * 12 };
    const question = `Question ${turn}: what does it cost, and when would it come?`;
    const answer = `Number **${turn}** costs \`${turn}\` pounds.\n\n- It comes on Monday.\n- Somebody must be there.\n\nIs that all right for you?`;
    tell({ type: "turn_started", ...here });
    for (let end = 12; end < question.length; end += 12) tell({ type: "partial_transcript", text: question.slice(0, end), ...here });
    tell({ type: "turn_ended", ...here });
    tell({ type: "transcript", text: question, latency_ms: 90, ...here });
    for (const token of ["They ", "ask ", "for ", "the price."]) tell({ type: "reasoning_token", token, ...here });
    for (const token of answer.match(/.{1,16}/gs)) tell({ type: "llm_token", token, ...here });
    tell({ type: "audio_started", latency_ms: 650, ...here });
    for (let frame = 0; frame < 5; frame += 1) sound();
    await breathe();
    tell({ type: "reply_text", text: answer, ...here });
    if (turn % 5 === 0) tell({ type: "false_interruption", text: "mm-hm", ...here });
    if (turn % 3 === 0) {
      tell({ type: "clear", ...here });
      tell({ type: "barge_in", heard: `Number ${turn} costs`, ...here });
    } else tell({ type: "audio_done", ...here });
    tell({ type: "reply_metrics", ...times, ...here });
    await breathe();
  };

  return {
    talk: async (turns) => {
      for (let count = 0; count < turns; count += 1) await oneTurn();
    },
  };
})();
