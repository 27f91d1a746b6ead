"""Headings of the column of addresses, and of those of names, as people's programs write them.

In the form of `identifier`, in which a heading is compared: `E-Mail-Adresse` is `e_mail_adresse`.
"""

from __future__ import annotations

EXPORTED_MAIL = ("e_mail_1_value", "email_1_value", "primary_email", "e_mail_1_address", "email_1_address")
"""Of exported contacts: the first of several."""

RECIPIENT_HEADINGS = (
    *("email", "email_address", "e_mail", "e_mail_address", "mail", "mail_address", "recipient"),
    *("recipient_email", "to", "address", "adresse", "mailadresse", "e_mail_adresse", "email_adresse"),
    *("correo", "courriel"),
)

FOREIGN_MAIL = (
    *("emailadresse", "mail_adresse", "email_id", "contact_email", "work_email", "email_addresses", "emails"),
    *("adresse_e_mail", "adresse_mail", "adresse_email", "adresse_courriel", "adresse_électronique", "mél"),
    *("correo_electrónico", "correo_electronico", "correu_electrònic", "dirección_de_correo"),
    *("indirizzo_email", "indirizzo_e_mail", "indirizzo_mail", "posta_elettronica"),
    *("endereço_de_email", "endereço_de_e_mail", "correio_eletrônico", "correio_eletrónico"),
    *("e_mailadres", "emailadres", "mailadres", "e_mail_adres", "e_post", "epost", "e_postadress"),
    *("e_postadresse", "e_post_adresse", "sähköposti", "sähköpostiosoite", "netfang", "e_posta", "eposta"),
    *("e_posta_adresi", "adres_e_mail", "adres_email", "poczta", "e_mailová_adresa", "emailová_adresa"),
    *("e_mail_cím", "email_cím", "adresă_de_email", "ηλεκτρονικό_ταχυδρομείο", "почта", "эл_почта"),
    *("электронная_почта", "адрес_электронной_почты", "e_mail_адрес", "имейл", "пошта", "електронна_пошта"),
    *("メール", "メールアドレス", "電子メール", "電子メールアドレス", "eメール", "邮箱", "邮件", "电子邮件"),
    *("电子邮箱", "邮箱地址", "邮件地址", "電子郵件", "電郵", "信箱", "이메일", "이메일_주소", "전자메일"),
    *("البريد_الإلكتروني", "ईमेल", "อีเมล", "דואל", "דוא_ל"),
)

SURELY_MAIL = (*EXPORTED_MAIL, *(name for name in RECIPIENT_HEADINGS if "mail" in name), *FOREIGN_MAIL)
"""Headings that mean nothing else."""

FULL_NAMES = (
    *("name", "full_name", "display_name", "fullname", "contact_name", "fn", "vollständiger_name"),
    *("vor_und_nachname", "nom_complet", "nom_et_prénom", "prénom_et_nom", "nombre_completo"),
    *("nome_completo", "nome_e_cognome", "volledige_naam", "fullständigt_namn", "fullt_navn", "fulde_navn"),
    *("koko_nimi", "imię_i_nazwisko", "полное_имя", "фио", "氏名", "姓名", "お名前", "名前", "이름", "성명"),
)

FIRST_NAMES = (
    *("first_name", "firstname", "first", "given_name", "givenname", "forename", "vorname", "rufname"),
    *("prénom", "prenom", "nombre", "primer_nombre", "nom_de_pila", "nome", "primeiro_nome", "voornaam"),
    *("förnamn", "fornavn", "etunimi", "imię", "imie", "jméno", "meno", "keresztnév", "prenume", "ad"),
    *("имя", "ім_я", "όνομα", "名", "名_名前"),
)

LAST_NAMES = (
    *("last_name", "lastname", "last", "surname", "family_name", "familyname", "nachname", "familienname"),
    *("zuname", "nom", "nom_de_famille", "apellido", "apellidos", "cognome", "sobrenome", "apelido"),
    *("último_nome", "achternaam", "efternamn", "etternavn", "efternavn", "sukunimi", "nazwisko"),
    *("příjmení", "priezvisko", "vezetéknév", "nume", "soyad", "фамилия", "прізвище", "επώνυμο", "姓"),
)

NAME_IS_LAST_BESIDE = {
    "vorname": "name",
    "rufname": "name",
    "voornaam": "naam",
    "förnamn": "namn",
    "fornavn": "navn",
}
"""Where a first name stands beside it, this is the family's: Vorname, Name."""
