"""The words of the unsubscribe page, in each language that it speaks."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request


@dataclass(frozen=True, slots=True)
class Words:
    """Of one language. {sender} and {list} stand for what they say."""

    unsubscribe: str
    ask: str
    of_list: str
    of_sender: str
    of_all: str
    about_all: str
    done: str
    about_done: str
    mistake: str
    about_mistake: str
    stop_more: str
    back: str
    about_back: str
    broken: str
    about_broken: str
    later: str
    about_later: str
    about_too_often: str


LANGUAGES = {
    "en": Words(
        unsubscribe="Unsubscribe",
        ask="Which mail do you no longer want?",
        of_list="“{list}” from {sender}",
        of_sender="All newsletters from {sender}",
        of_all="All mail from here",
        about_all="Also answers, receipts and passwords that you ask for.",
        done="You are unsubscribed",
        about_done="You will get no more of this:",
        mistake="That was a mistake",
        about_mistake="It puts back what you just stopped, and nothing else.",
        stop_more="Stop other mail, too",
        back="You are subscribed again",
        about_back="As before, you will get:",
        broken="This link does not work",
        about_broken="It may have been cut off on its way. Open it from the mail once more, or use the "
        "unsubscribe button of your mail program.",
        later="Not now, please try again",
        about_later="Nothing was changed. In a few minutes it will work.",
        about_too_often="This was changed too often today. Unsubscribing always works; subscribing "
        "again works "
        "tomorrow.",
    ),
    "de": Words(
        unsubscribe="Abbestellen",
        ask="Welche E-Mails möchten Sie nicht mehr bekommen?",
        of_list="„{list}“ von {sender}",
        of_sender="Alle Rundschreiben von {sender}",
        of_all="Alle E-Mails von hier",
        about_all="Auch Antworten, Belege und Passwörter, um die Sie bitten.",
        done="Abbestellt",
        about_done="Davon bekommen Sie nichts mehr:",
        mistake="Das war ein Versehen",
        about_mistake="Das bestellt wieder, was Sie eben abbestellt haben, und nichts sonst.",
        stop_more="Auch andere E-Mails abbestellen",
        back="Wieder bestellt",
        about_back="Wie zuvor bekommen Sie:",
        broken="Dieser Link funktioniert nicht",
        about_broken="Vielleicht wurde er unterwegs abgeschnitten. Öffnen Sie ihn noch einmal aus der "
        "E-Mail, "
        "oder nehmen Sie den Abbestellen-Knopf Ihres Mailprogramms.",
        later="Gerade nicht, bitte noch einmal",
        about_later="Es wurde nichts geändert. In einigen Minuten geht es.",
        about_too_often="Das wurde heute zu oft geändert. Abbestellen geht immer; wieder bestellen geht "
        "morgen.",
    ),
    "fr": Words(
        unsubscribe="Se désabonner",
        ask="Quels messages ne voulez-vous plus recevoir ?",
        of_list="« {list} » de {sender}",
        of_sender="Toutes les lettres d’information de {sender}",
        of_all="Tous les messages d’ici",
        about_all="Y compris les réponses, reçus et mots de passe que vous demandez.",
        done="Vous êtes désabonné",
        about_done="Vous ne recevrez plus :",
        mistake="C’était une erreur",
        about_mistake="Cela rétablit ce que vous venez d’arrêter, et rien d’autre.",
        stop_more="Arrêter aussi d’autres messages",
        back="Vous êtes de nouveau abonné",
        about_back="Comme avant, vous recevrez :",
        broken="Ce lien ne fonctionne pas",
        about_broken="Il a peut-être été coupé en route. Ouvrez-le de nouveau depuis le message, ou "
        "utilisez le "
        "bouton de désabonnement de votre messagerie.",
        later="Pas maintenant, veuillez réessayer",
        about_later="Rien n’a été changé. Cela marchera dans quelques minutes.",
        about_too_often="Cela a été changé trop souvent aujourd’hui. Se désabonner marche toujours ; se "
        "réabonner "
        "marchera demain.",
    ),
    "es": Words(
        unsubscribe="Darse de baja",
        ask="¿Qué correos ya no quiere recibir?",
        of_list="«{list}» de {sender}",
        of_sender="Todos los boletines de {sender}",
        of_all="Todos los correos de aquí",
        about_all="También las respuestas, los recibos y las contraseñas que usted pida.",
        done="Se ha dado de baja",
        about_done="Ya no recibirá esto:",
        mistake="Ha sido un error",
        about_mistake="Esto restablece lo que acaba de dejar, y nada más.",
        stop_more="Dejar también otros correos",
        back="Está suscrito de nuevo",
        about_back="Como antes, recibirá:",
        broken="Este enlace no funciona",
        about_broken="Quizá se cortó por el camino. Ábralo otra vez desde el correo, o use el botón de "
        "baja de su "
        "programa de correo.",
        later="Ahora no, inténtelo de nuevo",
        about_later="No se ha cambiado nada. Funcionará en unos minutos.",
        about_too_often="Esto se ha cambiado demasiadas veces hoy. Darse de baja funciona siempre; volver a "
        "suscribirse funcionará mañana.",
    ),
}


def language() -> str:
    """The one of ours that the browser likes best; English for any other."""
    return request.accept_languages.best_match(LANGUAGES, "en") or "en"
