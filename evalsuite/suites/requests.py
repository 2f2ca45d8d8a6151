"""Requests to an assistant, each with the tool that does it.

A table line is a tool, its neighbours (tools that could also do such a request, never used as its wrong answer), and
requests.
"""

from __future__ import annotations

TOOLS = """
weather | | Is it going to be foggy? ; How hot will it be at noon? ; Will it rain tomorrow? ; How cold is it in Oslo? ; Is it sunny outside? ; Will it snow this weekend? ; \
How windy is it today? ; Do I need an umbrella? ; What is the temperature in Rome? ; Is a storm coming tonight?
calculator | | Subtract 19 from 52. ; What is 9 squared? ; What is 17 times 23? ; Add 45 and 38. ; Divide 144 by 12. ; What is 15 percent of 80? ; \
Compute the square root of 81. ; Multiply 6 by 19. ; What is 1000 minus 375? ; How much is 3 dozen eggs at 2 dollars?
calendar | email, alarm | Book a meeting on Friday. ; What appointments do I have today? ; Am I free on Monday at ten? ; \
Move my dentist appointment to Tuesday. ; When is my next meeting? ; Cancel the lunch on Thursday. ; \
Add my birthday on May 3. ; Schedule a call for next week.
email | calendar, message | Write to my boss that I am sick. ; Forward the invoice to Anna. ; Check my inbox. ; \
Reply to the letter from the bank. ; Send the report to the whole team. ; Attach the file and send it to Tom. ; \
Delete the spam in my inbox. ; Find the mail with the contract.
alarm | calendar, timer | Wake me up at seven. ; Wake me tomorrow at dawn. ; I must get up at six. ; \
Make sure that I wake up early. ; Ring at half past five tomorrow morning. ; Do not let me oversleep.
timer | alarm | Count down ten seconds. ; Stop the countdown. ; Tell me when ten minutes have passed. ; Count down from sixty seconds. ; The eggs need four minutes. ; \
Remind me in half an hour to take out the cake. ; Start a countdown of five minutes. ; Stop after thirty seconds.
music | | Play a lullaby. ; Shuffle the songs. ; Play some jazz. ; Play the new song by that band. ; Put on something to dance to. ; Skip to the next song. ; \
Play a piano concerto. ; Turn the volume of the song down. ; Play my favorite album. ; I want to hear rock.
maps | taxi, weather | How do I get to the station? ; Show me the way home. ; How far is it to Berlin? ; \
Where is the nearest hospital? ; Find a route without highways. ; Which street leads to the museum? ; \
Give me directions to the airport. ; Navigate to the beach.
translator | dictionary | Say good morning in French. ; What does gracias mean in English? ; \
Turn this sentence into German. ; How do you say thank you in Japanese? ; Put this letter into Spanish. ; \
What is the Italian word for bread? ; Render this poem in Russian. ; How do I say goodbye in Chinese?
camera | | Take a group picture. ; Zoom in and take a photo. ; Take a picture of us. ; Take a selfie. ; Photograph the sunset. ; Record a video of the dog. ; \
Take a photo of this page. ; Snap a picture of the cake. ; Film the baby walking. ; Shoot a portrait.
bank | shop, calculator | How much money is in my account? ; Transfer 50 dollars to Maria. ; Pay the electricity bill. ; \
Show my last payments. ; What is my balance? ; Deposit this check. ; Did my salary arrive? ; Send rent to the landlord.
shop | bank, restaurant | Order new running shoes. ; Buy a birthday present for my son. ; Add batteries to my cart. ; \
Return the broken lamp and get a refund. ; Find a cheap winter coat to buy. ; Reorder the coffee beans. ; \
Where is the parcel that I bought? ; Buy a pair of jeans.
news | web | What happened in the world today? ; Read me the headlines. ; Who won the election? ; \
What is in the papers this morning? ; Any reports on the earthquake? ; Tell me the latest on the strike.
thermostat | weather, lights | Make the living room warmer. ; Turn the heating down. ; Set the room to 20 degrees. ; \
It is too cold in here, heat the house. ; Lower the temperature of the bedroom. ; Turn the heating off at night.
lights | thermostat | Switch off the lamp. ; Make the hall brighter. ; It is too dark in here. ; Dim the lamp in the bedroom. ; Turn off the lamps in the hall. ; \
Make the kitchen brighter. ; Switch the lamp on at sunset. ; Turn the bulbs blue. ; Illuminate the garden. ; \
Make it dark, I want to sleep.
restaurant | shop, maps | Reserve a table for two tonight. ; I want to eat sushi for dinner. ; \
Order a pizza with extra cheese. ; Find a place that serves vegan food. ; Show me the menu of the bistro. ; \
Book dinner at the steak house. ; We need a table for six at noon. ; Where can we have lunch?
hotel | flights, maps | I need a room for three nights. ; Book a double room by the sea. ; \
Find a place to sleep in Paris. ; Is breakfast included with the room? ; Check out of my room early. ; \
Find a cheap place to stay with a pool. ; Upgrade us to a suite. ; Reserve two beds in a hostel.
flights | hotel, maps | Find a plane to Madrid on Sunday. ; Check in for my plane. ; Which gate do I board at? ; \
Get me a window seat on the plane. ; Is the plane from London delayed? ; Fly me to New York in June. ; \
What does it cost to fly to Tokyo? ; Change my plane to a later one.
taxi | maps | I need a ride to the opera. ; Get me a car with a driver. ; Pick me up at the corner. ; \
Send a driver to my office. ; Call me a cab. ; Where is my driver now?
dictionary | translator | Define gravity. ; What is the opposite of scarce? ; What does the word candid mean? ; How do you spell necessary? ; Define photosynthesis. ; \
Give me a synonym for brave. ; What is the meaning of irony? ; Is it a noun or a verb? ; What is the plural of ox? ; \
How is the word colonel pronounced?
phone | message, email | Call the school. ; Put the caller on hold. ; Call my mother. ; Dial the emergency number. ; Ring my sister. ; Who just called me? ; \
Call the plumber. ; Hang up now. ; Redial the last number. ; Listen to my voicemail.
notes | calendar, email | Write down this idea. ; Jot down that I owe Ben a coffee. ; Add milk to my list of things. ; \
Save this thought for later. ; Write down the plate number 3XY. ; Keep a record of what I ate. ; Show what I wrote down.
printer | | Print the boarding pass. ; Print this photo on glossy paper. ; Print two copies of the form. ; Put this document on paper. ; Print page four in color. ; \
The paper is jammed, fix it. ; I need this on paper, both sides. ; Make a hard copy of the ticket.
recipes | restaurant | How do I boil an egg? ; How do I make bread dough? ; How do I cook lasagna? ; How long do I bake a potato? ; What can I make from eggs and flour? ; \
Which spices go in a curry? ; Show me how to make pancakes. ; How much yeast does bread need? ; \
What goes in a Caesar salad? ; How do I roast a chicken?
doctor | | I have a bad cough. ; I sprained my ankle. ; My throat hurts and I have a fever. ; I broke my arm. ; My knee is swollen. ; I need a prescription. ; \
Is this rash dangerous? ; I have had a headache for days. ; I feel dizzy and sick. ; My ear aches.
vacuum | | Suck up the dirt in the hall. ; The floor is dusty. ; Clean the carpet. ; There is dust on the floor. ; Clean up the crumbs under the table. ; \
The rug is full of dog hair. ; Clean the floors while I am out. ; Go back to your dock and charge.
lock | | Did I lock the house? ; Let my brother in at the door. ; Let the cleaner into the house. ; Is the front door shut? ; Open the door for the guest. ; \
Nobody may enter the house tonight. ; Give the neighbor access to the door. ; Secure the back door.
stocks | bank, news | Buy shares of the airline. ; What is a share of the bank worth? ; How did the shares of the carmaker do? ; Buy ten shares of the oil company. ; \
What is the index at? ; Sell all my shares. ; Show the dividend of the brewery. ; Did the market close higher?
fitness | | How fast was my run? ; Track my swim. ; How many steps did I walk? ; How many calories did I burn? ; Log a run of five miles. ; \
What was my heart rate during the workout? ; Start tracking my bike ride. ; How far did I jog this week? ; \
Plan a workout for my legs. ; Count my push-ups.
files | email, printer | Rename the folder to Archive. ; Delete the old folder. ; Where did I save the budget sheet? ; \
Unzip the download. ; Move the document to the backup folder. ; How big is this folder? ; Copy the folder to the disk. ; \
Open the folder with the photos.
games | | Deal the cards. ; Play a round of checkers with me. ; Let us play chess. ; Start a round of cards. ; I want to solve a crossword. ; Show my high score. ; \
Load the last saved level. ; Give me a new sudoku.
movies | music, news | Recommend a film. ; Show me the trailer of the film. ; What is on at the cinema tonight? ; Show me a comedy to watch. ; Who directed Jaws? ; \
Play the next episode of the series. ; Find a horror film. ; Who is the actor in this film? ; \
Get two tickets for the matinee film. ; Put on a cartoon for the kids.
library | shop, notes | Borrow a novel by Jane Austen. ; When must I return the book? ; Renew the book that I borrowed. ; \
Is the biography of Lincoln on loan? ; Put the new thriller on hold for me. ; Find a book about whales to borrow.
garden | | Give the lawn some water. ; Trim the grass behind the house. ; Water the tomatoes. ; The lawn is too high, cut it. ; The roses look dry. ; Sprinkle the grass at dawn. ; \
Is the soil of the plants moist? ; Stop watering the flowers.
"""


def requests() -> list[tuple[str, str, frozenset[str]]]:
    """(request, its tool, tools that are no wrong answer to it: itself and its neighbours)."""
    out: list[tuple[str, str, frozenset[str]]] = []
    for line in TOOLS.strip().splitlines():
        tool, near, texts = (part.strip() for part in line.split("|"))
        shun = frozenset([tool, *(word.strip() for word in near.split(",") if word.strip())])
        out.extend((text.strip(), tool, shun) for text in texts.split(";"))
    return out


def tools() -> list[str]:
    """All tools, in the table's order."""
    return list(dict.fromkeys(tool for _, tool, _ in requests()))
