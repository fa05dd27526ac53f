// Classic script in the head: only starts the module.
import(new URL("main.js", document.currentScript.src).href);
