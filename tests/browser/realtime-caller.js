// A page as OpenAI's documents have it: microphone, peer connection, events, and a recorder on what comes back.
// Everything of it hangs on `window.caller`. `post` sends an offer, and has the answer.
const callOver = async post => {
  const peer = new RTCPeerConnection();
  const audio = new Audio();
  audio.autoplay = true;
  const caller = { peer, audio, events: [], chunks: [], recorder: null, location: "" };
  window.caller = caller;
  peer.ontrack = event => {
    audio.srcObject = event.streams[0];
    caller.recorder = new MediaRecorder(event.streams[0]);
    caller.recorder.ondataavailable = chunk => caller.chunks.push(chunk.data);
    caller.recorder.start(200);
  };
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  peer.addTrack(microphone.getTracks()[0]);
  caller.channel = peer.createDataChannel("oai-events");
  caller.channel.onmessage = message => caller.events.push(JSON.parse(message.data));
  await peer.setLocalDescription(await peer.createOffer());
  await peer.setRemoteDescription({ type: "answer", sdp: await post(peer.localDescription.sdp) });
};

const taken = async answer => {
  if (answer.status !== 201) throw new Error(await answer.text());
  return answer;
};

window.callRealtime = session =>
  callOver(async offer => {
    const form = new FormData();
    form.set("sdp", offer);
    form.set("session", JSON.stringify(session));
    const answer = await taken(await fetch("/v1/realtime/calls", { method: "POST", body: form }));
    caller.location = answer.headers.get("Location");
    return answer.text();
  });

// The same in lineside's own protocol.
window.callOwn = first =>
  callOver(async offer => {
    const answer = await taken(await fetch("/rtc/call", { method: "POST", body: JSON.stringify({ sdp: offer, first }) }));
    return (await answer.json()).sdp;
  });

// What was heard, as the base64 of a WebM file.
window.heardFile = async () => {
  caller.recorder.stop();
  await new Promise(stopped => (caller.recorder.onstop = stopped));
  const bytes = new Uint8Array(await new Blob(caller.chunks).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
};
