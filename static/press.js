// The one form that leaves for an app (form_post) needs no press while scripts run. In a file of its own and in
// words that every engine knows, for a program may sign in here whose browser stumbles over page.js.
document.querySelector("form[data-press]").submit();
