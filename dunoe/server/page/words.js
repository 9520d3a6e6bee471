/** Every word of the page, in both languages, and how numbers are said. */

const WORDS = {
  ko: {
    models: "모델",
    memory: "메모리",
    here: "이 컴퓨터",
    absent: "내려가 있음",
    loading: "올리는 중",
    ready: "준비됨",
    unloading: "내리는 중",
    elsewhere: "다른 서버",
    load: "올리기",
    unload: "내리기",
    inFlight: "답변 중",
    waiting: "대기",
    chat: "대화",
    embedding: "임베딩",
    rerank: "재정렬",
    key: "API 키",
    useKey: "사용",
    keyStays: "이 탭에만 보관하고, 탭을 닫으면 지웁니다.",
    noModel: "아직 모델이 없습니다",
    bringOne: "이 컴퓨터에 맞는 모델을 받는 명령입니다.",
    thenHere: "다 받으면 이 페이지에 저절로 나타납니다.",
    tryIt: "지금 물어보기",
    model: "모델",
    question: "질문",
    send: "보내기",
    stop: "멈추기",
    shortcuts: "Ctrl+Enter로 보내고 Esc로 멈춥니다",
    thought: "생각한 과정",
    hurrying: "모델을 기다리는 중…",
    stopped: "멈췄습니다",
    tokens: "토큰",
    perSecond: "토큰/초",
    firstToken: (seconds) => `첫 토큰 ${seconds}초`,
    connect: "연결하기",
    openai: "OpenAI 주소 (base URL)",
    ollama: "Ollama 주소",
    copy: "복사",
    copied: "복사했습니다",
    readyz: "상태",
    metrics: "지표",
    openapi: "API 문서",
    up: "켜진 지",
    of: (taken, budget) => `${budget} 중 ${taken}`,
    days: (days, hours) => `${days}일 ${hours}시간`,
    hours: (hours, minutes) => `${hours}시간 ${minutes}분`,
    minutes: (minutes) => `${minutes}분`,
    seconds: (seconds) => `${seconds}초`,
    gone: { message: "서버에 닿지 않습니다.", hint: "dunoe serve가 켜져 있는지 확인하세요. 켜지면 저절로 이어집니다." },
    cut: { message: "답이 도중에 끊겼습니다.", hint: "다시 보내 보고, 또 끊기면 서버의 기록을 확인하세요." },
    odd: { message: "서버가 알 수 없는 답을 보냈습니다", hint: "주소가 dunoe가 맞는지, 사이에 있는 프록시가 멀쩡한지 확인하세요." },
  },
  en: {
    models: "Models",
    memory: "Memory",
    here: "this machine",
    absent: "not loaded",
    loading: "loading",
    ready: "ready",
    unloading: "unloading",
    elsewhere: "another server",
    load: "Load",
    unload: "Unload",
    inFlight: "answering",
    waiting: "waiting",
    chat: "chat",
    embedding: "embedding",
    rerank: "rerank",
    key: "API key",
    useKey: "Use",
    keyStays: "It stays in this tab only, and is forgotten when the tab closes.",
    noModel: "There is no model yet",
    bringOne: "This command brings one that fits this machine.",
    thenHere: "It appears on this page by itself as soon as it is there.",
    tryIt: "Try it",
    model: "Model",
    question: "Question",
    send: "Send",
    stop: "Stop",
    shortcuts: "Ctrl+Enter sends, Esc stops",
    thought: "How it thought",
    hurrying: "Waiting for the model…",
    stopped: "stopped",
    tokens: "tokens",
    perSecond: "tokens/s",
    firstToken: (seconds) => `first token ${seconds} s`,
    connect: "Connect",
    openai: "OpenAI base URL",
    ollama: "Ollama host",
    copy: "Copy",
    copied: "Copied",
    readyz: "Status",
    metrics: "Metrics",
    openapi: "API document",
    up: "up",
    of: (taken, budget) => `${taken} of ${budget}`,
    days: (days, hours) => `${days} d ${hours} h`,
    hours: (hours, minutes) => `${hours} h ${minutes} min`,
    minutes: (minutes) => `${minutes} min`,
    seconds: (seconds) => `${seconds} s`,
    gone: { message: "The server cannot be reached.", hint: "See whether dunoe serve is running; the page goes on by itself once it is." },
    cut: { message: "The answer broke off.", hint: "Send it again; if it breaks off again, look at the server's log." },
    odd: { message: "The server sent an answer that makes no sense", hint: "Check that the address is dunoe's, and any proxy in between." },
  },
};

const STORED = "dunoe.language";

/** The words of one language: "ko" or "en". */
export const wordsOf = (language) => WORDS[language];

/** The language chosen here before, else the browser's. */
export function firstLanguage() {
  const stored = localStorage.getItem(STORED);
  if (stored in WORDS) return stored;
  return navigator.language.startsWith("ko") ? "ko" : "en";
}

/** Remember the language that was chosen. */
export const keepLanguage = (language) => localStorage.setItem(STORED, language);

/** Bytes as a person says them: 812 MB, 4.7 GB. Powers of 1024, as `vram = "16GiB"` is meant. */
export function size(bytes) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let number = bytes;
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number < 10 && unit > 0 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

/** Seconds as a person says them, two units at most. */
export function duration(words, seconds) {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return words.days(Math.floor(hours / 24), hours % 24);
  if (hours > 0) return words.hours(hours, minutes % 60);
  return minutes > 0 ? words.minutes(minutes) : words.seconds(Math.floor(seconds));
}
